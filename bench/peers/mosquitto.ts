import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, startProgram, stopProcess, temporaryFolder } from '../processes.ts';
import { accepts, freePorts, type Peer, type RunningPeer, waitUntil } from './peer.ts';

const PLACES = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'];

/** Where Mosquitto is installed, or null. */
export function findMosquitto(): string | null {
  return PLACES.find((place) => existsSync(place)) ?? null;
}

/*
 * What is set and why: no persistence (Sonde keeps sessions in memory in these loads too), no log, no limit on its queues, so
 * that it never drops what the load sends (a dropped message would fail the cell). All else is Debian's default. Two of these
 * defaults were tried the other way: `max_inflight_messages 0` costs it CPU at QoS 1; `set_tcp_nodelay true` costs it CPU
 * wherever many messages go to one connection, but saves it waits of 40 ms when one pair has a deep window. So it runs both ways.
 */
function configuration(port: number, { nodelay, bounded = false }: MosquittoOptions): readonly string[] {
  return [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'log_dest none',
    ...(bounded ? [] : ['max_queued_messages 0']),
    `set_tcp_nodelay ${nodelay}`,
  ];
}

export type MosquittoOptions = {
  readonly name: string;
  readonly nodelay: boolean;
  /** Its queues have the bounds that it ships with. */
  readonly bounded?: boolean;
};

/** Debian's Mosquitto, with a configuration of its own in a temporary folder. */
export function mosquitto(command: string, options: MosquittoOptions = { name: 'mosquitto', nodelay: false }): Peer {
  const settings = configuration(0, options).slice(1).join(', ');
  return {
    name: options.name,
    describe: () => Promise.resolve(`Mosquitto ${versionOf(command)}; ${settings}`),
    start: () => start(command, options),
  };
}

async function start(command: string, options: MosquittoOptions): Promise<RunningPeer> {
  const folder = temporaryFolder('mosquitto');
  const [port] = await freePorts(1);
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, `${configuration(port!, options).join('\n')}\n`);
  let output = '';
  const onOutput = (text: string): void => {
    output = (output + text).slice(-2000);
  };
  const child = startProgram(command, ['-c', file], { onOutput });
  const failed = (): string => (child.exitCode === null ? '' : `it ended with ${child.exitCode}: ${output.trim()}`);
  await waitUntil('Mosquitto', () => accepts(port!), 5000, failed);
  return {
    pid: child.pid!,
    mqttPort: port!,
    httpPort: null,
    stop: async () => {
      await stopProcess(child);
      removeFolder(folder);
    },
  };
}

function versionOf(command: string): string {
  const { stdout } = spawnSync(command, ['-h'], { encoding: 'utf8' });
  return /version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
}
