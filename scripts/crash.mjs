// `npm run crash -- --cycles 300 [--seed N] [--only ^history] [--flags '--durability async'] [--qos0-window MS] [--trace]`: Sonde under load is killed
// and started again; what it acknowledged is compared with what came out. Ends with a table, and with 1 on any fault.
import { parseArgs } from 'node:util';
import { root, tool } from './workshop/paths.mjs';
import { endAll, run } from './workshop/run.mjs';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '300' },
    seed: { type: 'string' },
    only: { type: 'string' },
    flags: { type: 'string' },
    'qos0-window': { type: 'string', default: '250' },
    trace: { type: 'boolean' },
  },
});
if (!/^[1-9]\d*$/.test(values.cycles) || !/^\d*$/.test(values.seed ?? '')) {
  console.error('npm run crash -- [--cycles N] [--seed N] [--only REGEX] [--flags "..."] [--qos0-window MS] [--trace]');
  process.exit(1);
}
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    endAll();
    process.exit(130);
  });
}
const wish = {
  WORKSHOP_CRASH_CYCLES: values.cycles,
  WORKSHOP_CRASH_QOS0_MS: values['qos0-window'],
  ...(values.seed ? { WORKSHOP_CRASH_SEED: values.seed } : {}),
  ...(values.only ? { WORKSHOP_CRASH_ONLY: values.only } : {}),
  ...(values.flags ? { WORKSHOP_CRASH_FLAGS: values.flags } : {}),
  ...(values.trace ? { WORKSHOP_CRASH_TRACE: '1' } : {}),
};
const args = ['run', '--project', 'crash', 'test/crash/harness.test.ts', '--disableConsoleIntercept'];
const { code } = await run(process.execPath, [tool('vitest/vitest.mjs'), ...args], {
  cwd: root,
  env: { ...process.env, ...wish },
});
process.exitCode = code;
