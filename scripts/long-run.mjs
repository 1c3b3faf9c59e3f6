// `npm run model -- --minutes 5 [--seed N]`, `npm run fuzz -- --minutes 20 [--seed N]`: the tests that try things made by
// chance, for as long as one likes. They print what they tried and, when something is found, where it was written.
import { parseArgs } from 'node:util';
import { root, tool } from './workshop/paths.mjs';
import { endAll, run } from './workshop/run.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } },
});
const [name = ''] = positionals;
const seconds = Number(values.minutes) * 60;
if (!['model', 'fuzz'].includes(name) || !(seconds > 0) || !/^\d*$/.test(values.seed ?? '')) {
  console.error('npm run model|fuzz -- [--minutes N] [--seed N]: N minutes of sequences or inputs made by chance');
  process.exit(1);
}
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    endAll();
    process.exit(130);
  });
}
const prefix = `WORKSHOP_${name.toUpperCase()}`;
const wish = { [`${prefix}_SECONDS`]: String(seconds), ...(values.seed ? { [`${prefix}_SEED`]: values.seed } : {}) };
const args = ['run', '--project', name, '--testNamePattern', 'made by chance', '--disableConsoleIntercept'];
const { code } = await run(process.execPath, [tool('vitest/vitest.mjs'), ...args], {
  cwd: root,
  env: { ...process.env, ...wish },
});
process.exitCode = code;
