import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entry } from '../../../scripts/workshop/paths.mjs';
import { type Exit, freePort, type Running, runToEnd, start, waitFor } from '../../tooling/index.ts';

/** Sonde as it is killed and started again and again, on the same ports and data folder. */
export type Server = {
  readonly mqttPort: number;
  readonly url: string;
  readonly dataDir: string;
  /** Starts a process; it may not be ready yet. */
  readonly spawn: () => void;
  /** Waits until it takes clients and history is there; throws when it ended by itself or does not come. */
  readonly ready: () => Promise<void>;
  readonly pid: () => number;
  /** It was not told to end. */
  readonly isWanted: () => boolean;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly exited: () => Promise<Exit>;
  /** The history process, or null. */
  readonly historyPid: () => number | null;
  readonly health: () => Promise<string>;
  /** Age of the oldest QoS 0 message that a kill now would lose, in milliseconds; Infinity when it does not say. */
  readonly behindMs: () => Promise<number>;
  /** Runs another command of Sonde. */
  readonly command: (
    ...args: readonly string[]
  ) => Promise<Exit & { readonly stdout: string; readonly stderr: string }>;
};

const READY_MS = 30_000;

/** `folder` gets the data and what Sonde says, of all its lives. */
export async function createServer(folder: string, flags: readonly string[]): Promise<Server> {
  const [mqttPort, httpPort] = [await freePort(), await freePort()];
  const dataDir = join(folder, 'data');
  const logFile = join(folder, 'sonde.log');
  mkdirSync(dataDir);
  const url = `http://127.0.0.1:${httpPort}`;
  const listen = ['--mqtt', `127.0.0.1:${mqttPort}`, '--http', `127.0.0.1:${httpPort}`];
  let running: Running | null = null;
  let wanted = false;

  async function health(): Promise<string> {
    try {
      return ((await (await fetch(`${url}/health`)).json()) as { status: string }).status;
    } catch {
      return 'away';
    }
  }

  const current = (): Running => {
    if (running === null) throw new Error('Sonde was not started yet');
    return running;
  };

  /** The gauge alone is read: the kill waits for it. */
  async function behindMs(): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text();
    const said = /^sonde_history_behind_seconds (\S+)$/m.exec(text);
    return said === null ? Number.POSITIVE_INFINITY : Number(said[1]) * 1000;
  }

  return {
    mqttPort,
    url,
    dataDir,
    health,
    behindMs,
    spawn() {
      const child = start(process.execPath, [entry, 'serve', '--data', dataDir, ...listen, ...flags], { cwd: folder });
      running = child;
      wanted = true;
      void child.exited.then(({ code, signal }) => {
        appendFileSync(logFile, `${child.stdout()}${child.stderr()}--- pid ${child.pid} ended: ${signal ?? code}\n`);
        child.forget();
      });
    },
    async ready() {
      const child = current();
      await waitFor(
        'Sonde to be ready',
        async () => {
          if (child.hasExited()) throw new Error(`Sonde ended by itself: ${JSON.stringify(await child.exited)}`);
          return (await health()) === 'ok' && childOf(child.pid) !== null;
        },
        READY_MS,
      );
    },
    pid: () => running?.pid ?? -1,
    isWanted: () => wanted,
    signal(signal) {
      wanted = false;
      current().signal(signal);
    },
    exited: () => current().exited,
    historyPid: () => childOf(current().pid),
    command: (...args) => runToEnd(process.execPath, [entry, ...args], { cwd: folder }),
  };
}

/** The first living child of a process (Linux). */
function childOf(pid: number): number | null {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
      for (const child of children.split(' ').filter(Boolean)) {
        const command = readFileSync(`/proc/${child}/cmdline`, 'utf8');
        if (command.includes('history')) return Number(child);
      }
    }
  } catch {
    // It ended while we looked.
  }
  return null;
}
