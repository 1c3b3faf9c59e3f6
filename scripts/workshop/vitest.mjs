import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { cache, root, tool } from './paths.mjs';
import { run } from './run.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Sums */
/** @typedef {{ status: string, assertionResults: { status: string, fullName: string }[] }} FileSums */
/** @typedef {FileSums & { name: string, message?: string }} FileResult */

/** Tests that did not pass and are named at the end of a run; more are counted only. */
const MAX_NAMED = 20;

/**
 * Runs one vitest project; its own output goes to the screen, its sums come from its JSON report.
 * @param {string} project
 * @param {{ env: NodeJS.ProcessEnv, timeoutMs: number }} options
 * @returns {Promise<{ ok: boolean, sums: Sums, note: string, faults: string[] }>}
 */
export async function runProject(project, options) {
  const report = join(cache, 'reports', `${project}.json`);
  mkdirSync(join(cache, 'reports'), { recursive: true });
  rmSync(report, { force: true });
  const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  // Of itself vitest leaves a core idle, which is half of a small machine.
  if (project === 'unit') args.push(`--maxWorkers=${Math.max(2, availableParallelism() - 1)}`);
  // These wait for the programs that they start more than they work.
  if (project === 'conformance') args.push('--maxWorkers=2');
  const result = await run(process.execPath, [tool('vitest/vitest.mjs'), ...args], { cwd: root, ...options });
  const files = filesOf(report);
  const sums = sumsOf(files, result.code);
  const note = result.timedOut ? `ended after ${Math.round(options.timeoutMs / 1000)} s` : '';
  return { ok: result.code === 0 && sums.failed === 0, sums, note, faults: faultsOf(files ?? []) };
}

/**
 * @param {string} report
 * @returns {FileResult[] | null} null: there is no report
 */
function filesOf(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return null;
  }
}

/**
 * A file that could not even be loaded, and a run that fell over, are one failure each: they count as no test elsewhere.
 * @param {readonly FileResult[] | null} files
 * @param {number} code
 * @returns {Sums}
 */
function sumsOf(files, code) {
  if (files === null) return { passed: 0, failed: 1, skipped: 0 };
  const sums = addUp(files);
  if (code !== 0 && sums.failed === 0) sums.failed = 1;
  return sums;
}

/**
 * @param {readonly FileSums[]} files
 * @returns {Sums}
 */
export function addUp(files) {
  const sums = { passed: 0, failed: 0, skipped: 0 };
  for (const file of files) {
    let failedHere = 0;
    for (const { status } of file.assertionResults) {
      if (status === 'passed') sums.passed += 1;
      else if (status === 'failed') failedHere += 1;
      else sums.skipped += 1;
    }
    sums.failed += file.status === 'failed' ? Math.max(1, failedHere) : failedHere;
  }
  return sums;
}

/**
 * What did not pass, a line each. A file whose process died has tests that are `pending`: the first of them is where to look.
 * @param {readonly FileResult[]} files
 * @returns {string[]}
 */
export function faultsOf(files) {
  const faults = files.flatMap((file) => {
    const tests = file.assertionResults.filter(({ status }) => status !== 'passed');
    const named = tests.map(({ status, fullName }) => `${relative(root, file.name)}: ${status}: ${fullName}`);
    if (file.status === 'failed' && !tests.some(({ status }) => status === 'failed'))
      named.unshift(`${relative(root, file.name)}: ${file.message || 'it ended before its tests did'}`);
    return named;
  });
  const more = faults.length - MAX_NAMED;
  return more > 0 ? [...faults.slice(0, MAX_NAMED), `and ${more} more`] : faults;
}
