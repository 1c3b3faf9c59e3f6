import { join } from 'node:path';
import { build, staleParts } from './build.mjs';
import { dependenciesAreCurrent, installDependencies } from './install.mjs';
import { fetchNode, OTHER_NODES } from './other-nodes.mjs';
import { root, tool } from './paths.mjs';
import { run } from './run.mjs';
import { canFetch, fetchPackages, missingTools } from './system-tools.mjs';
import { runProject } from './vitest.mjs';

const MINUTE_MS = 60_000;

/** @typedef {import('./vitest.mjs').Sums} Sums */
/** @typedef {{ ok: boolean, sums?: Sums, note?: string, faults?: readonly string[] }} Outcome `faults`: what did not pass, a line each */
/** @typedef {{ fetch: boolean, strict: boolean, env: NodeJS.ProcessEnv }} Setting `strict`: CI, where a skip is a failure */

/**
 * @typedef {object} Stage
 * @property {string} name for `--only`
 * @property {string} title
 * @property {boolean} [always] `--only` does not leave it out
 * @property {string} [needs] a stage without whose success this one would say nothing true; default `install`
 * @property {(setting: Setting) => Promise<Outcome>} work
 */

/**
 * A tool of node_modules that speaks by its exit code.
 * @param {readonly string[]} args
 * @param {Setting} setting
 * @returns {Promise<Outcome>}
 */
async function check(args, setting) {
  const [file = '', ...rest] = args;
  const result = await run(process.execPath, [tool(file), ...rest], {
    cwd: root,
    env: setting.env,
    timeoutMs: 5 * MINUTE_MS,
  });
  return { ok: result.code === 0 };
}

/**
 * A script of this folder's parent.
 * @param {readonly string[]} args
 * @param {Setting} setting
 * @returns {Promise<Outcome>}
 */
async function ownScript(args, setting) {
  const [file = '', ...rest] = args;
  const result = await run(process.execPath, [join(root, 'scripts', file), ...rest], {
    cwd: root,
    env: setting.env,
    timeoutMs: MINUTE_MS,
  });
  return { ok: result.code === 0 };
}

/**
 * @param {string} name
 * @param {string} title
 * @param {number} minutes
 * @returns {Stage}
 */
const project = (name, title, minutes, needs = 'install') => ({
  name,
  title,
  needs,
  work: (setting) => runProject(name, { env: setting.env, timeoutMs: minutes * MINUTE_MS }),
});

/** Everything `npm test` does, in order. @type {readonly Stage[]} */
export const stages = [
  { name: 'tools', title: 'What the tests want of the system', always: true, needs: '', work: systemTools },
  {
    name: 'install',
    title: 'Dependencies',
    always: true,
    needs: '',
    work: async () =>
      dependenciesAreCurrent(root) ? { ok: true, note: 'current' } : { ok: await installDependencies(root) },
  },
  { name: 'build', title: 'Build', always: true, work: buildStale },
  {
    name: 'lint',
    title: 'Format and lint: Biome',
    work: (setting) => check(['@biomejs/biome/bin/biome', 'ci', '--colors=off', '.'], setting),
  },
  {
    name: 'oxlint',
    title: 'Lint with types: oxlint',
    work: (setting) => check(['oxlint/bin/oxlint', '--type-aware', '--deny-warnings'], setting),
  },
  {
    name: 'types',
    title: 'Types: server, tests, scripts',
    work: (setting) => check(['typescript/bin/tsc', '-p', 'tsconfig.json'], setting),
  },
  {
    name: 'types-web',
    title: 'Types: web app',
    work: (setting) => check(['typescript/bin/tsc', '-p', 'web/tsconfig.json', '--noEmit'], setting),
  },
  {
    name: 'statements',
    title: 'docs/conformance.md is of the present tests',
    work: (setting) => ownScript(['conformance.mjs', '--check'], setting),
  },
  project('boundaries', 'Boundaries: who imports whom', 2),
  project('workshop', 'The workshop itself', 3),
  project('unit', 'Unit tests', 8),
  project('model', 'Broker and model', 3),
  project('interop', 'Real clients', 5, 'build'),
  project('conformance', 'The protocol, clause by clause', 5, 'build'),
  project('crash', 'Crashes', 14, 'build'),
  project('fuzz', 'Hostile input', 5, 'build'),
  project('browser', 'The web app in Chromium', 5, 'build'),
  { name: 'runtimes', title: `Node ${OTHER_NODES.join(' and ')}`, needs: 'build', work: otherNodes },
];

/** @param {Setting} setting @returns {Promise<Outcome>} */
async function systemTools(setting) {
  let missing = missingTools();
  const packages = () => [...new Set(missing.map((entry) => entry.debian))];
  if (missing.length > 0 && setting.fetch && canFetch()) {
    console.log(`Fetching with apt-get, for the tests only: ${packages().join(' ')}`);
    await fetchPackages(packages());
    missing = missingTools();
  }
  for (const entry of missing) {
    console.log(
      `skipped: what needs ${entry.name}. Debian: apt-get install ${entry.debian}; elsewhere: ${entry.elsewhere}`,
    );
  }
  if (missing.length === 0) return { ok: true, note: 'all here' };
  return { ok: !setting.strict, note: `${missing.length} absent` };
}

/** @returns {Promise<Outcome>} */
async function buildStale() {
  const stale = staleParts();
  return stale.length === 0 ? { ok: true, note: 'current' } : { ok: await build(stale), note: stale.join(' and ') };
}

/** @param {Setting} setting @returns {Promise<Outcome>} */
async function otherNodes(setting) {
  const found = [];
  for (const line of OTHER_NODES) found.push(`${line}=${(await fetchNode(line)) ?? ''}`);
  return runProject('runtimes', {
    env: { ...setting.env, WORKSHOP_NODES: found.join('\n') },
    timeoutMs: 5 * MINUTE_MS,
  });
}
