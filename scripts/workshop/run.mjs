import { spawn, spawnSync } from 'node:child_process';

/**
 * @typedef {object} RunOptions
 * @property {string} cwd
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [quiet] keep the output back; it is in the result
 * @property {number} [timeoutMs] then the whole tree of processes is ended
 */

/** @typedef {{ code: number, output: string, timedOut: boolean }} RunResult */

/** Pids of the process groups that run now, to be ended with us. @type {Set<number>} */
const running = new Set();

/**
 * Runs one program to its end. Its children are a group of their own, so that a timeout or Ctrl-C leaves none behind.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {RunOptions} options
 * @returns {Promise<RunResult>}
 */
export function run(file, args, options) {
  return new Promise((resolve) => {
    const child = spawn(file, [...args], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', options.quiet ? 'pipe' : 'inherit', options.quiet ? 'pipe' : 'inherit'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    let output = '';
    let timedOut = false;
    child.stdout?.setEncoding('utf8').on('data', (text) => (output += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (output += text));
    if (child.pid) running.add(child.pid);
    const timer = options.timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          if (child.pid) endTree(child.pid);
        }, options.timeoutMs)
      : undefined;
    let settled = false;
    /** @param {number} code */
    const settle = (code) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (child.pid) running.delete(child.pid);
      resolve({ code, output, timedOut });
    };
    child.on('error', (error) => {
      output += error.message;
      settle(127);
    });
    child.on('close', (code) => settle(timedOut ? 124 : (code ?? 1)));
  });
}

/** Ends what `run` started and still runs. */
export function endAll() {
  for (const pid of running) endTree(pid);
}

/** @param {number} pid */
function endTree(pid) {
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(pid), '/T', '/F'], { windowsHide: true });
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
