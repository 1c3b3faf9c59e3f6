import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cache, root, tool } from './paths.mjs';
import { run } from './run.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Sums */
/** @typedef {{ status: string, message?: string, assertionResults: { status: string, fullName: string }[] }} FileResult */

/**
 * Runs one vitest project; its own output goes to the screen, its sums come from its JSON report.
 * @param {string} project
 * @param {{ env: NodeJS.ProcessEnv, timeoutMs: number }} options
 * @returns {Promise<{ ok: boolean, sums: Sums, note: string }>}
 */
export async function runProject(project, options) {
  const report = join(cache, 'reports', `${project}.json`);
  mkdirSync(join(cache, 'reports'), { recursive: true });
  rmSync(report, { force: true });
  const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const result = await run(process.execPath, [tool('vitest/vitest.mjs'), ...args], { cwd: root, ...options });
  const sums = sumsOf(report, result.code);
  const note = result.timedOut ? `ended after ${Math.round(options.timeoutMs / 1000)} s` : '';
  return { ok: result.code === 0 && sums.failed === 0, sums, note };
}

/**
 * A file that could not even be loaded, and a run that fell over, are one failure each: they count as no test elsewhere.
 * @param {string} report
 * @param {number} code
 * @returns {Sums}
 */
function sumsOf(report, code) {
  /** @type {FileResult[]} */
  let files = [];
  try {
    files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const sums = addUp(files);
  if (code !== 0 && sums.failed === 0) sums.failed = 1;
  return sums;
}

/**
 * @param {readonly FileResult[]} files
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
