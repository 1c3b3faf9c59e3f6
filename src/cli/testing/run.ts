import type { CliContext, Output } from '../context.ts';
import { runCli } from '../program.ts';

/** An output that keeps what is written. */
function memory(): Output & { text: () => string; seen: (pattern: RegExp) => Promise<void> } {
  let text = '';
  let waiting: (() => void)[] = [];
  return {
    text: () => text,
    write: async (more) => {
      text += typeof more === 'string' ? more : Buffer.from(more).toString('latin1');
      for (const look of waiting.splice(0)) look();
      waiting = waiting.slice();
    },
    seen: async (pattern) => {
      while (!pattern.test(text)) await new Promise<void>((resolve) => void waiting.push(resolve));
    },
  };
}

export type RunOptions = { input?: string; serve?: CliContext['serve']; env?: CliContext['env'] };

/** Starts a command line in process, in a folder that stands for the working directory. */
export function start(
  cwd: string,
  args: readonly string[],
  { input = '', serve = async () => {}, env = {} }: RunOptions = {},
) {
  const stdout = memory();
  const stderr = memory();
  const stop = new AbortController();
  async function* stdin() {
    yield Buffer.from(input);
  }
  const context: CliContext = {
    version: '1.2.3',
    serve,
    signal: stop.signal,
    env,
    cwd,
    stdin: stdin(),
    stdout,
    stderr,
  };
  return { stdout, stderr, stop: () => stop.abort(), code: runCli(args, context) };
}

/** Runs a command line to its end. */
export async function run(cwd: string, args: readonly string[], options: RunOptions = {}) {
  const running = start(cwd, args, options);
  const code = await running.code;
  return { code, out: running.stdout.text(), err: running.stderr.text() };
}
