import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAllStats, treeOf } from './measure/proc.ts';

/*
 * Everything that the bench starts is in this register, and is gone when the bench is: stopped in good order when a run ends,
 * killed with all its descendants when the bench is interrupted or fails.
 */
const running = new Set<ChildProcess>();
const folders = new Set<string>();

/** Starts a program in a process group of its own, so that Ctrl-C in the terminal reaches only the bench. */
export function startProgram(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly onOutput?: (text: string) => void; readonly cwd?: string } = {},
): ChildProcess {
  const child = spawn(command, [...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  // Both pipes must be read, or a talkative program stops.
  child.stdout?.on('data', (data: Buffer) => options.onOutput?.(data.toString()));
  child.stderr?.on('data', (data: Buffer) => options.onOutput?.(data.toString()));
  return register(child);
}

/** Starts a Node module of the bench with a message channel. */
export function startWorker(module: string, args: readonly string[] = []): ChildProcess {
  return register(
    fork(module, [...args], { detached: true, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  );
}

/** Ends a process with SIGTERM and, `patienceMs` later, all that is left of its tree with SIGKILL. */
export async function stopProcess(child: ChildProcess, patienceMs = 10_000): Promise<void> {
  if (!running.has(child)) return;
  const tree = descendants(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => killAll([...tree, ...descendants(child)]), patienceMs);
  await ended;
  clearTimeout(timer);
  // A child of the child that outlived it has no other parent who would look after it.
  killAll(tree.filter((pid) => pid !== child.pid));
}

/** A new folder in the system's place for temporary files, removed with the bench. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `sonde-bench-${name}-`));
  folders.add(folder);
  return folder;
}

/** Removes a folder of `temporaryFolder`. */
export function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Kills what still runs and removes what was written. Safe to call at any time, also from an exit handler. */
export function cleanUp(): void {
  const pids = [...running].flatMap(descendants);
  killAll(pids);
  running.clear();
  for (const folder of folders) removeFolder(folder);
}

/** Makes interruption and failure clean up; the process then ends with 130, 143 or 1. */
export function cleanUpOnExit(): void {
  process.on('exit', cleanUp);
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
  process.on('SIGHUP', () => process.exit(129));
  process.on('uncaughtException', (error) => {
    console.error(error);
    process.exit(1);
  });
}

function register(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

function descendants(child: ChildProcess): readonly number[] {
  return child.pid === undefined ? [] : treeOf(child.pid, readAllStats()).map((one) => one.pid);
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}
