// npm run paho -- CHECKOUT [--only sonde|mosquitto] [--test NAME ...]: Eclipse Paho's interoperability suites, as they are, against
// Sonde with docs/examples/paho-suite.yaml and, where it is installed, against Mosquitto with settings that say the same.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startMosquitto, startSonde } from './paho/brokers.mjs';
import { findPython, runSuite } from './paho/run-suite.mjs';
import { build, staleParts } from './workshop/build.mjs';
import { endAll } from './workshop/run.mjs';
import { requireRuntime } from './workshop/runtime.mjs';
import { findTool } from './workshop/system-tools.mjs';

const SUITES = [
  { version: '3.1.1', module: 'client_test' },
  { version: '5.0', module: 'client_test5' },
];
const USAGE = `usage: npm run paho -- CHECKOUT [--only sonde|mosquitto] [--test NAME ...]
  CHECKOUT is a folder with https://github.com/eclipse/paho.mqtt.testing in it.`;

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(message);
  process.exit(2);
}

requireRuntime();
const { values, positionals } = parseArgs({
  options: { only: { type: 'string' }, test: { type: 'string', multiple: true } },
  allowPositionals: true,
});
const [checkout, ...more] = positionals;
if (checkout === undefined || more.length > 0) refuse(USAGE);
if (values.only !== undefined && values.only !== 'sonde' && values.only !== 'mosquitto') refuse(USAGE);
const folder = resolve(checkout, 'interoperability');
for (const { module } of SUITES) {
  const file = join(folder, `${module}.py`);
  if (!existsSync(file)) refuse(`${file} is not there: is ${checkout} a checkout of paho.mqtt.testing?`);
}
const python = findPython() ?? refuse('The suites need Python 3: python3 was not found.');
const mosquitto = findTool('mosquitto');
if (values.only !== 'mosquitto' && staleParts().length > 0 && !(await build(staleParts()))) process.exit(1);

/** @type {import('./paho/brokers.mjs').Broker[]} */
const brokers = [];
let isEnding = false;
async function stopAll() {
  isEnding = true;
  endAll();
  await Promise.all(brokers.map((broker) => broker.stop()));
}
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => void stopAll().then(() => process.exit(130)));
}

/** @type {string[]} */
const sums = [];
let sondeFailed = 0;
try {
  if (values.only !== 'mosquitto') brokers.push(await startSonde());
  if (values.only !== 'sonde') {
    if (mosquitto !== null) brokers.push(await startMosquitto(mosquitto));
    else console.log('Mosquitto is not installed: Sonde runs alone.');
  }
  // The tests are mostly waiting, so the brokers go side by side; the suites of one broker share client ids and do not.
  await Promise.all(
    brokers.map(async (broker) => {
      for (const { version, module } of SUITES) {
        const result = await runSuite(python, folder, module, broker.port, values.test ?? [], (line) => {
          console.log(`${broker.name.padEnd(17)} ${version.padEnd(6)} ${line}`);
        });
        sums.push(`${broker.name}, MQTT ${version}: ${result.passed} of ${result.total} passed${result.note}`);
        if (broker.isSonde) sondeFailed += result.total - result.passed;
      }
    }),
  );
} finally {
  if (!isEnding) await stopAll();
}
console.log(`\n${sums.sort().join('\n')}`);
process.exitCode = sondeFailed === 0 ? 0 : 1;
