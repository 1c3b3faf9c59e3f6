#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import type { CliContext, Output } from './cli/index.ts';
import { boundYoungGeneration } from './young-generation.ts';

/**
 * The program's entry: says no to machines that it cannot run on, then hands the command line to `cli/`. Nothing else is
 * loaded before that, and the server only by the command that runs it.
 */
async function main(): Promise<void> {
  const refusal = refuseMachine(process.arch);
  if (refusal !== null) {
    process.stderr.write(`sonde: ${refusal}\n`);
    process.exitCode = 1;
    return;
  }
  const [command = 'serve'] = process.argv.slice(2);
  if (command === 'serve' || command.startsWith('-')) boundYoungGeneration();
  const { runCli } = await import('./cli/index.ts');
  const code = await runCli(process.argv.slice(2), contextOfProcess());
  if (hungUp) {
    // By the signal, as a program ends whose terminal is gone; `exit` would put that terminal in order and crash (Node 20).
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
    return;
  }
  // What was printed may still be on its way to a pipe.
  process.stdout.write('', () => process.exit(code));
}

function refuseMachine(arch: string): string | null {
  if (arch === 'arm') {
    return 'this is 32-bit ARM, which the history database (DuckDB) is not built for. Use a 64-bit system: every Raspberry Pi since the 3 can run one.';
  }
  return arch === 'ia32' || arch === 'mipsel'
    ? `this Node is built for 32 bits (${arch}). Install a 64-bit Node.`
    : null;
}

function contextOfProcess(): CliContext {
  const version = versionOfPackage();
  const stdout = outputTo(process.stdout);
  return {
    version,
    serve: async (settings, signal) => {
      const { serve } = await import('./serve.ts');
      await serve(settings, { signal, version, onReload, print: (line) => void stdout.write(`${line}\n`) });
    },
    signal: stopSignal(),
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout,
    stderr: outputTo(process.stderr),
  };
}

/** Both from `src/` and from `dist/` the package stands one folder up. */
function versionOfPackage(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Whether a person at a terminal started it. When that terminal is closed, SIGHUP says so. */
const isAtTerminal = process.platform !== 'win32' && (process.stdin.isTTY === true || process.stdout.isTTY === true);

let hungUp = false;

/** The first Ctrl-C or SIGTERM asks for an orderly end, the second one does not wait for it. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', ...(process.platform === 'win32' ? (['SIGBREAK'] as const) : [])] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143);
      controller.abort();
    });
  }
  // The shell may send another one after the kernel's: it asks for nothing more.
  if (isAtTerminal) {
    process.on('SIGHUP', () => {
      hungUp = true;
      controller.abort();
    });
  }
  return controller.signal;
}

/** SIGHUP asks a service to read its files again. At a terminal it is an orderly end: see above. */
function onReload(reload: () => void): void {
  if (process.platform !== 'win32' && !isAtTerminal) process.on('SIGHUP', reload);
}

function outputTo(stream: NodeJS.WriteStream): Output {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EIO' && isAtTerminal) return; // the terminal is gone; SIGHUP ends it in good order
    // The reader has had enough (`sonde sub | head`): no fault.
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  return {
    write: (text) =>
      new Promise((resolve) => {
        stream.write(text, () => resolve());
      }),
  };
}

await main();
