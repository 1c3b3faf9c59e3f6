import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, startProgram, stopProcess, temporaryFolder } from '../processes.ts';
import { freePorts, type Peer, type RunningPeer, waitUntil } from './peer.ts';

export type SondeOptions = {
  /** What it is called in the tables; `sonde` or `sonde-recording` when left out. */
  readonly name?: string;
  /** The repository's root. */
  readonly root: string;
  readonly history: 'off' | 'duckdb';
  /** Further options of Node, `--cpu-prof` for one. */
  readonly nodeOptions?: readonly string[];
  /** Further words for `sonde serve`. */
  readonly extra?: readonly string[];
  /** The folder of an earlier one that was kept. */
  readonly data?: string;
  /** It is left when this one stops, for another one. */
  readonly keep?: boolean;
};

/** The built Sonde of this repository with its shipped defaults, apart from ports, data folder and history. */
export function sonde(options: SondeOptions): Peer {
  return {
    name: options.name ?? (options.history === 'off' ? 'sonde' : 'sonde-recording'),
    describe: () => {
      const { version } = JSON.parse(readFileSync(join(options.root, 'package.json'), 'utf8')) as { version: string };
      const extra = (options.extra ?? []).map((word) => ` ${word}`).join('');
      return Promise.resolve(`Sonde ${version}; serve --history ${options.history}${extra}`);
    },
    start: () => startSonde(options),
  };
}

/** Starts Sonde on a data folder of its own; ready when /health says so. */
export async function startSonde(
  options: SondeOptions,
): Promise<RunningPeer & { readonly httpPort: number; readonly data: string }> {
  const main = join(options.root, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error('dist/main.js is not there: run `npm run build` first');
  const data = options.data ?? temporaryFolder('sonde');
  const [mqttPort, httpPort] = (await freePorts(2)) as [number, number];
  let output = '';
  const onOutput = (text: string): void => {
    output = (output + text).slice(-2000);
  };
  const child = startProgram(
    process.execPath,
    [
      ...(options.nodeOptions ?? []),
      main,
      'serve',
      '--data',
      join(data, 'data'),
      '--mqtt',
      `127.0.0.1:${mqttPort}`,
      '--http',
      `127.0.0.1:${httpPort}`,
      '--history',
      options.history,
      ...(options.extra ?? []),
    ],
    { onOutput },
  );
  const failed = (): string =>
    child.exitCode === null && child.signalCode === null
      ? ''
      : `it ended with ${child.exitCode ?? child.signalCode}: ${output.trim()}`;
  await waitUntil('Sonde', () => healthy(httpPort), 20_000, failed);
  return {
    pid: child.pid!,
    mqttPort,
    httpPort,
    data,
    stop: async () => {
      await stopProcess(child, 20_000);
      if (options.keep !== true) removeFolder(data);
    },
  };
}

async function healthy(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
