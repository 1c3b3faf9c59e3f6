import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { pickLoads } from '../loads.ts';
import { findMosquitto, mosquitto } from '../peers/mosquitto.ts';
import type { Peer } from '../peers/peer.ts';
import { sonde } from '../peers/sonde.ts';
import { compareMarkdown } from '../report/compare-markdown.ts';
import type { CompareResult } from '../report/compare-result.ts';
import { describeMachine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { compare } from './compare.ts';

const YARDSTICK = 'mosquitto';

/** `bench compare`: returns the exit code, 1 when a round did not count. */
export async function runCompare(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const peers = pickPeers(options, root, say);
  const loads = pickLoads(options.loads);
  const { rounds, seconds, workers } = options;
  const results = await compare({ loads, peers, rounds, seconds, workers, say });
  const descriptions = await Promise.all(
    peers.map(async (peer) => ({ name: peer.name, description: await peer.describe() })),
  );
  const result: CompareResult = {
    machine: describeMachine(root),
    rounds,
    seconds,
    workers,
    peers: descriptions,
    loads: results,
  };
  const page = compareMarkdown(result, YARDSTICK);
  say(`\n${page}`);
  if (!options.quick || options.out !== null) {
    const names = saveResult(options.out ?? join(root, 'bench', 'results'), 'compare', result.machine, result, page);
    say(`written: ${names.join(', ')}`);
  }
  const failed = results.some(({ cells }) =>
    Object.values(cells)
      .flat()
      .some((cell) => cell.failure !== ''),
  );
  return failed ? 1 : 0;
}

function pickPeers(options: BenchArguments, root: string, say: (line: string) => void): readonly Peer[] {
  const nodeOptions = profileOptions(options.profile);
  const command = findMosquitto();
  const known: readonly Peer[] = [
    ...(command === null ? [] : [mosquitto(command), mosquitto(command, { name: 'mosquitto-nodelay', nodelay: true })]),
    sonde({ root: options.sonde ?? root, history: 'off', nodeOptions }),
    sonde({ root: options.sonde ?? root, history: 'duckdb', nodeOptions }),
  ];
  if (command === null)
    say('Mosquitto is not installed (Debian: apt-get install mosquitto): Sonde runs alone, without ratios');
  if (options.peers.length === 0) return known;
  const unknown = options.peers.filter((name) => !known.some((peer) => peer.name === name));
  if (unknown.length > 0)
    throw new Error(`no such peer here: ${unknown.join(', ')}; there are ${known.map((peer) => peer.name).join(', ')}`);
  return known.filter((peer) => options.peers.includes(peer.name));
}

function profileOptions(folder: string | null): readonly string[] {
  if (folder === null) return [];
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500'];
}
