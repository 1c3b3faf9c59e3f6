import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { waitFor } from './wait.ts';

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A program that runs beside the test; its output is kept. */
export type Running = {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Keeps no longer what it said so far: a test of many minutes would drown in it. */
  readonly forget: () => void;
  readonly write: (text: string) => void;
  readonly endInput: () => void;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly exited: Promise<Exit>;
  readonly hasExited: () => boolean;
  /** Waits until stdout or stderr matches; throws when the program ends before, with what it said. */
  readonly saw: (pattern: RegExp, withinMs?: number) => Promise<RegExpMatchArray>;
};

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a program without a shell. It is ended with the test process at the latest. */
export function start(file: string, args: readonly string[], options: SpawnOptions = {}): Running {
  const child = spawn(file, [...args], { ...options, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
  let out = '';
  let err = '';
  let ended: Exit | undefined;
  alive.add(child);
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  // A program that ends without reading its input is no fault of the test.
  child.stdin?.on('error', () => {});
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      err += error.message;
      alive.delete(child);
      ended = { code: 127, signal: null };
      resolve(ended);
    });
    child.once('close', (code, signal) => {
      alive.delete(child);
      ended = { code, signal };
      resolve(ended);
    });
  });
  return {
    pid: child.pid ?? -1,
    stdout: () => out,
    stderr: () => err,
    forget: () => {
      out = '';
      err = '';
    },
    write: (text) => child.stdin?.write(text),
    endInput: () => child.stdin?.end(),
    signal: (signal) => child.kill(signal),
    exited,
    hasExited: () => ended !== undefined,
    saw: (pattern, withinMs) =>
      waitFor(
        `${pattern} from ${file}`,
        () => {
          const match = out.match(pattern) ?? err.match(pattern);
          if (match) return match;
          if (ended) throw new Error(`${file} ended (${ended.code ?? ended.signal}) and said: ${out}${err}`);
          return null;
        },
        withinMs,
      ),
  };
}

/** Runs a program to its end; ended by force after `withinMs`. */
export async function runToEnd(
  file: string,
  args: readonly string[],
  options: SpawnOptions & { readonly input?: string; readonly withinMs?: number } = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const { input, withinMs = 20_000, ...spawnOptions } = options;
  const running = start(file, args, spawnOptions);
  if (input !== undefined) running.write(input);
  running.endInput();
  const timer = setTimeout(() => running.signal('SIGKILL'), withinMs);
  const exit = await running.exited;
  clearTimeout(timer);
  return { ...exit, stdout: running.stdout(), stderr: running.stderr() };
}
