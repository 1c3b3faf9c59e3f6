import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const runner = join(dirname(fileURLToPath(import.meta.url)), 'run-suite.py');

/** A Python 3 of this machine, or null. */
export function findPython() {
  const works = (/** @type {string} */ name) => {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    return status === 0 && stdout.startsWith('Python 3.');
  };
  return ['python3', 'python'].find(works) ?? null;
}

/** @typedef {{ passed: number, total: number, note: string }} SuiteResult */

/**
 * Runs one suite against the broker at this port of loopback; `say` gets a line for each test as it ends.
 * @param {string} python
 * @param {string} folder the suites' `interoperability`
 * @param {string} module
 * @param {number} port
 * @param {readonly string[]} tests only these; all when empty
 * @param {(line: string) => void} say
 * @returns {Promise<SuiteResult>}
 */
export async function runSuite(python, folder, module, port, tests, say) {
  const args = [runner, folder, module, '127.0.0.1', String(port), ...tests];
  const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  const abandon = () => child.kill('SIGKILL');
  process.once('exit', abandon);
  const ended = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (complaints = (complaints + text).slice(-2000)));
  let [passed, total] = [0, 0];
  /** @type {string[]} */
  const failed = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line);
    if (said.tests !== undefined) {
      total = said.tests;
      continue;
    }
    if (said.verdict === 'passed') passed += 1;
    else failed.push(said.test);
    say(`${said.verdict} ${String(said.seconds).padStart(5)} s  ${said.test}${said.cause ? `: ${said.cause}` : ''}`);
  }
  await ended;
  process.off('exit', abandon);
  if (total === 0 || passed + failed.length === 0) throw new Error(`${module}.py did not run: ${complaints.trim()}`);
  return { passed, total, note: failed.length > 0 ? ` (not: ${failed.join(', ')})` : '' };
}
