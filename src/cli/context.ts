import type { Environment, Settings } from '../config/index.ts';

/** Where text goes; resolves when more may be written. */
export type Output = {
  readonly write: (text: string | Uint8Array) => Promise<void>;
};

/** What the command line needs of the process around it; tests give their own. */
export type CliContext = {
  readonly version: string;
  /** Runs the server until the signal; injected, since the command line does not know how a server is put together. */
  readonly serve: (settings: Settings, signal: AbortSignal) => Promise<void>;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  readonly env: Environment;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
};
