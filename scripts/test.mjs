// npm test [-- --only STAGE,STAGE] [--no-install]: everything that says whether this tree is good. Ends with one line of sums.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { leftovers, MARK } from './workshop/leftovers.mjs';
import { endAll } from './workshop/run.mjs';
import { requireRuntime } from './workshop/runtime.mjs';
import { stages } from './workshop/stages.mjs';
import { isStrict } from './workshop/system-tools.mjs';

requireRuntime();

const { values } = parseArgs({ options: { only: { type: 'string' }, 'no-install': { type: 'boolean' } } });
const only = values.only?.split(',').map((name) => name.trim());
const unknown = only?.filter((name) => !stages.some((stage) => stage.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`No stage is called ${unknown.join(', ')}. There are: ${stages.map((stage) => stage.name).join(', ')}`);
  process.exit(1);
}

const mark = randomUUID();
process.env[MARK] = mark;
const setting = { fetch: !values['no-install'], strict: isStrict, env: process.env };

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    endAll();
    process.exit(130);
  });
}

/** @type {{ title: string, verdict: string, seconds: number, note: string }[]} */
const summary = [];
const sums = { passed: 0, failed: 0, skipped: 0 };
/** What did not pass, by the stage's title. */
const faults = new Map();
/** Names of stages that did not succeed. */
const fallen = new Set();

for (const stage of stages) {
  if (only && !stage.always && !only.includes(stage.name)) continue;
  const needs = stage.needs ?? 'install';
  if (fallen.has(needs)) {
    fallen.add(stage.name);
    summary.push({ title: stage.title, verdict: 'NOT RUN', seconds: 0, note: `needs ${needs}` });
    continue;
  }
  console.log(`\n=== ${stage.title}`);
  const since = performance.now();
  /** @type {import('./workshop/stages.mjs').Outcome} */
  let outcome;
  try {
    outcome = await stage.work(setting);
  } catch (error) {
    console.error(error);
    outcome = { ok: false, note: 'fell over' };
  }
  if (outcome.sums)
    for (const key of /** @type {const} */ (['passed', 'failed', 'skipped'])) sums[key] += outcome.sums[key];
  const skipsCount = isStrict && (outcome.sums?.skipped ?? 0) > 0;
  const ok = outcome.ok && !skipsCount;
  if (!ok) {
    fallen.add(stage.name);
    faults.set(stage.title, outcome.faults ?? []);
  }
  const notes = [outcome.note, outcome.sums && describe(outcome.sums), skipsCount ? 'a skip is a failure in CI' : ''];
  const entry = {
    title: stage.title,
    verdict: ok ? 'ok' : 'FAILED',
    seconds: (performance.now() - since) / 1000,
    note: notes.filter(Boolean).join('; '),
  };
  summary.push(entry);
  console.log(`--- ${entry.verdict} in ${entry.seconds.toFixed(1)} s`);
}

const left = leftovers(mark);
for (const { pid, command } of left ?? []) {
  console.log(`left running, now ended: ${pid} ${command}`);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
const allGood = fallen.size === 0 && (left ?? []).length === 0;

console.log('\n=== Summary');
for (const entry of summary) {
  console.log(
    `${entry.verdict.padEnd(8)}${entry.seconds.toFixed(1).padStart(7)} s  ${entry.title}${entry.note ? `  (${entry.note})` : ''}`,
  );
}
for (const [title, lines] of faults) for (const line of lines) console.log(`${title}: ${line}`);
console.log(
  left === null
    ? 'Whether a process was left running was not looked at: only Linux lets us.'
    : `${left.length === 0 ? 'ok' : 'FAILED'}: ${left.length} processes left running`,
);
console.log(allGood ? 'All good.' : 'Not good: see above.');
console.log(describe(sums));
process.exitCode = allGood ? 0 : 1;

/** @param {import('./workshop/vitest.mjs').Sums} counted */
function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
