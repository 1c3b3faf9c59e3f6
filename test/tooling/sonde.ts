import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { entry } from '../../scripts/workshop/paths.mjs';
import { freePort } from './ports.ts';
import { type Exit, type Running, runToEnd, start } from './processes.ts';
import { waitFor } from './wait.ts';

export type SondeOptions = {
  /** Default `local`. */
  readonly anonymous?: 'none' | 'local' | 'all';
  /** Default `off`: most tests are about the broker. */
  readonly history?: 'duckdb' | 'off';
  /** Default: a new folder, removed at `stop`. A given one stays. */
  readonly dataDir?: string;
  /** Default: free ones. Given to come back on the same ports after a restart. */
  readonly mqttPort?: number;
  readonly httpPort?: number;
  /** The configuration file among `args` says where to listen, also on the two ports above. */
  readonly listenersByFile?: boolean;
  /** More arguments of `serve`. */
  readonly args?: readonly string[];
  /** The Node to run it with; default this one. */
  readonly node?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** It comes up with damage that it tells of: `/health` says `degraded`. */
  readonly degraded?: true;
};

/** A Sonde that listens on loopback. */
export type RunningSonde = {
  readonly pid: number;
  readonly host: '127.0.0.1';
  readonly mqttPort: number;
  readonly httpPort: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `ws://127.0.0.1:PORT/mqtt` */
  readonly wsUrl: string;
  readonly dataDir: string;
  /** Milliseconds from the start of the process to `/health` ok. */
  readonly startedInMs: number;
  /** All that it printed and logged so far. */
  readonly log: () => string;
  readonly process: Running;
  /** Ends it as an operator does, and throws unless it ends cleanly (code 0) within 10 s. A second call does nothing. */
  readonly stop: () => Promise<void>;
  /** Ends it as a power cut does. */
  readonly kill: () => Promise<void>;
};

const STOP_MS = 10_000;

/** Starts the built program with a data folder and ports of its own and waits until `/health` says ok. */
export async function startSonde(options: SondeOptions = {}): Promise<RunningSonde> {
  const external = process.env['WORKSHOP_BROKER'];
  if (external) return externalBroker(external);
  const mqttPort = options.mqttPort ?? (await freePort());
  const httpPort = options.httpPort ?? (await freePort());
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'sonde-test-'));
  const url = `http://127.0.0.1:${httpPort}`;
  const since = performance.now();
  const child = start(
    options.node ?? process.execPath,
    [entry, ...serveArguments(options, dataDir, mqttPort, httpPort)],
    {
      cwd: dataDir,
      env: { ...cleanEnvironment(), ...options.env },
    },
  );
  const log = () => child.stdout() + child.stderr();
  const forget = () => {
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await waitFor(
      `${url}/health`,
      async () => {
        if (child.hasExited()) return true;
        const response = await fetch(`${url}/health`);
        return ((await response.json()) as { status?: string }).status === (options.degraded ? 'degraded' : 'ok');
      },
      20_000,
    );
    if (child.hasExited()) throw new Error('Sonde ended while starting');
  } catch (error) {
    child.signal('SIGKILL');
    await child.exited;
    forget();
    throw new Error(`Sonde did not start; it said:\n${log()}`, { cause: error });
  }
  const startedInMs = performance.now() - since;

  let stopped: Promise<void> | undefined;
  return {
    pid: child.pid,
    host: '127.0.0.1',
    mqttPort,
    httpPort,
    url,
    wsUrl: `ws://127.0.0.1:${httpPort}/mqtt`,
    dataDir,
    startedInMs,
    log,
    process: child,
    stop: () => {
      stopped ??= stopCleanly(child, log).finally(forget);
      return stopped;
    },
    kill: async () => {
      child.signal('SIGKILL');
      await child.exited;
      stopped ??= Promise.resolve();
      forget();
    },
  };
}

function serveArguments(options: SondeOptions, dataDir: string, mqttPort: number, httpPort: number): readonly string[] {
  return [
    'serve',
    '--data',
    dataDir,
    ...(options.listenersByFile ? [] : ['--mqtt', `127.0.0.1:${mqttPort}`, '--http', `127.0.0.1:${httpPort}`]),
    '--anonymous',
    options.anonymous ?? 'local',
    '--history',
    options.history ?? 'off',
    ...(options.args ?? []),
  ];
}

async function stopCleanly(child: Running, log: () => string): Promise<void> {
  if (child.hasExited()) throw new Error(`Sonde had ended before it was told to; it said:\n${log()}`);
  child.signal('SIGTERM');
  const timer = setTimeout(() => child.signal('SIGKILL'), STOP_MS);
  const exit: Exit = await child.exited;
  clearTimeout(timer);
  // Windows has no SIGTERM: Node ends the process there.
  if (process.platform === 'win32') return;
  if (exit.code !== 0) {
    throw new Error(
      `Sonde did not stop cleanly (${exit.code ?? exit.signal} within ${STOP_MS} ms); it said:\n${log()}`,
    );
  }
}

/** Without what somebody set for a Sonde of their own: each test says itself what it wants. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SONDE_')));
}

/** Runs another command of the built program, e.g. `['token', 'create', '--data', dir]`, to its end. */
export function sondeCommand(
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
) {
  return runToEnd(process.execPath, [entry, ...args], {
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...cleanEnvironment(), ...options.env },
  });
}

/**
 * Tries the tests themselves: `WORKSHOP_BROKER=127.0.0.1:1883` points them at a broker that already runs, and
 * `WORKSHOP_BROKER_WS=ws://127.0.0.1:9001` at its WebSocket. What only Sonde has then fails, as it should.
 */
function externalBroker(address: string): RunningSonde {
  const port = Number(address.split(':').at(-1));
  return {
    pid: -1,
    host: '127.0.0.1',
    mqttPort: port,
    httpPort: 0,
    url: 'http://127.0.0.1:0',
    wsUrl: process.env['WORKSHOP_BROKER_WS'] ?? 'ws://127.0.0.1:0/mqtt',
    dataDir: '',
    startedInMs: 0,
    log: () => '',
    process: start(process.execPath, ['--version']),
    stop: async () => {},
    kill: async () => {},
  };
}
