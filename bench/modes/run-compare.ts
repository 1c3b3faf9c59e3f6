import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildCommit } from '../against.ts';
import type { BenchArguments } from '../arguments.ts';
import { pickLoads } from '../loads.ts';
import { findMosquitto, mosquitto } from '../peers/mosquitto.ts';
import type { Peer } from '../peers/peer.ts';
import { sonde } from '../peers/sonde.ts';
import { compareMarkdown } from '../report/compare-markdown.ts';
import { type CompareResult, type Row, rowsOf } from '../report/compare-result.ts';
import { describeMachine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { compare } from './compare.ts';

const YARDSTICK = 'mosquitto';
/** What `--against` lets a median be worse than before: as much as runs on a busy machine differ by chance. */
const ALLOWED = 1.1;

/** `bench compare`: returns the exit code, 1 when a round did not count. */
export async function runCompare(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const peers = options.against === null ? pickPeers(options, root, say) : beforeAndNow(options, root, say);
  const yardstick = options.against === null ? YARDSTICK : (peers[0] as Peer).name;
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
  const page = compareMarkdown(result, yardstick);
  say(`\n${page}`);
  if (!options.quick || options.out !== null) {
    const names = saveResult(
      options.out ?? join(root, 'bench', 'results'),
      options.against === null ? 'compare' : 'against',
      result.machine,
      result,
      page,
    );
    say(`written: ${names.join(', ')}`);
  }
  const failed = results.some(({ cells }) =>
    Object.values(cells)
      .flat()
      .some((cell) => cell.failure !== ''),
  );
  if (options.against === null) return failed ? 1 : 0;
  const slower = results.flatMap((load) => rowsOf(load, yardstick, result.machine.cores).filter(isSlower));
  for (const { load } of slower) say(`slower than before by more than 10 %: ${load}`);
  return failed || slower.length > 0 ? 1 : 0;
}

function isSlower({ cpuRatio, rateRatio }: Row): boolean {
  return (cpuRatio !== null && cpuRatio.median > ALLOWED) || (rateRatio !== null && rateRatio.median < 1 / ALLOWED);
}

/** The commit of `--against` and this Sonde, with history as `--peers` says (`sonde-recording`: with it). */
function beforeAndNow(options: BenchArguments, root: string, say: (line: string) => void): readonly Peer[] {
  const history = options.peers.includes('sonde-recording') ? 'duckdb' : 'off';
  const before = buildCommit(root, options.against as string, say);
  return [
    sonde({ name: `before-${before.commit}`, root: before.root, history }),
    sonde({
      root: options.sonde ?? root,
      history,
      nodeOptions: profileOptions(options.profile),
      extra: extra(options),
    }),
  ];
}

const extra = ({ durability }: BenchArguments): readonly string[] =>
  durability === null ? [] : ['--durability', durability];

function pickPeers(options: BenchArguments, root: string, say: (line: string) => void): readonly Peer[] {
  const nodeOptions = profileOptions(options.profile);
  const command = findMosquitto();
  const known: readonly Peer[] = [
    ...(command === null ? [] : [mosquitto(command), mosquitto(command, { name: 'mosquitto-nodelay', nodelay: true })]),
    sonde({ root: options.sonde ?? root, history: 'off', nodeOptions, extra: extra(options) }),
    sonde({ root: options.sonde ?? root, history: 'duckdb', nodeOptions, extra: extra(options) }),
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
