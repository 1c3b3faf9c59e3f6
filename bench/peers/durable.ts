import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram, stopProcess, temporaryFolder } from '../processes.ts';
import { accepts, freePorts, waitUntil } from './peer.ts';

/** A broker that keeps sessions on disk, or says that it does. */
export type DurablePeer = {
  readonly name: string;
  /** What runs, in words: all that is set. */
  readonly words: string;
  /** Starts it on a folder, a new one when none is given; ready when it takes connections. */
  readonly start: (folder?: string) => Promise<RunningDurablePeer>;
};

export type RunningDurablePeer = {
  readonly pid: number;
  readonly port: number;
  readonly folder: string;
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

type Program = (port: number, folder: string) => readonly string[];

/** Sonde with queues large enough for the load: the bounds that are raised are in its words. */
export function durableSonde(name: string, root: string, options: readonly string[]): DurablePeer {
  const words = [...options, ...RAISED.flatMap((limit) => ['--limit', limit])];
  return {
    name,
    words: `sonde serve ${words.join(' ')}`,
    start: (folder) =>
      start(name, folder, (port, data) => [
        process.execPath,
        join(root, 'dist', 'main.js'),
        'serve',
        '--data',
        join(data, 'data'),
        '--mqtt',
        `127.0.0.1:${port}`,
        '--http',
        'off',
        '--log-level',
        'warn',
        ...words,
      ]),
  };
}

const RAISED = [
  'maxQueuedMessages=100000000',
  'maxQueuedBytes=100000000000',
  'maxQueuedMessagesInAll=100000000',
  'maxQueuedBytesInAll=100000000000',
];

/** Mosquitto with its persistence on; `lines` are further ones of its configuration. */
export function durableMosquitto(command: string, name: string, lines: readonly string[]): DurablePeer {
  const settings = ['persistence true', ...lines, 'max_queued_messages 0', 'allow_anonymous true', 'log_dest none'];
  return {
    name,
    words: `mosquitto: ${settings.join(', ')}`,
    start: (folder) =>
      start(name, folder, (port, data) => {
        const file = join(data, 'mosquitto.conf');
        mkdirSync(join(data, 'data'), { recursive: true, mode: 0o777 });
        const place = [`listener ${port} 127.0.0.1`, `persistence_location ${join(data, 'data')}/`, 'user root'];
        writeFileSync(file, `${[...place, ...settings].join('\n')}\n`);
        return [command, '-c', file];
      }),
  };
}

async function start(name: string, known: string | undefined, program: Program): Promise<RunningDurablePeer> {
  const folder = known ?? temporaryFolder(name);
  const [port] = (await freePorts(1)) as [number];
  let output = '';
  const [command, ...args] = program(port, folder) as [string, ...string[]];
  const child = startProgram(command, args, {
    onOutput: (text) => {
      output = (output + text).slice(-2000);
    },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const failed = (): string =>
    child.exitCode === null && child.signalCode === null ? '' : `it ended with ${child.exitCode}: ${output.trim()}`;
  await waitUntil(name, () => accepts(port), 120_000, failed);
  return {
    pid: child.pid!,
    port,
    folder,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    stop: () => stopProcess(child, 20_000),
  };
}
