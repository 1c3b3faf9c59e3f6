import { type Cell, runCell } from '../cell.ts';
import type { Load } from '../loads.ts';
import type { Peer, RunningPeer } from '../peers/peer.ts';
import type { LoadResult } from '../report/compare-result.ts';

export type CompareOptions = {
  readonly loads: readonly Load[];
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly seconds: number;
  readonly workers: number;
  readonly say: (line: string) => void;
};

/** Seconds of a first, uncounted cell for each peer and load: a program that compiles while it runs needs it. */
const WARM_UP_SECONDS = 3;

/** Runs every load: brokers fresh for each load, all running, taken in turn (A B A B), one at work at a time. */
export async function compare(options: CompareOptions): Promise<readonly LoadResult[]> {
  const results: LoadResult[] = [];
  for (const load of options.loads) results.push(await compareOn(load, options));
  return results;
}

async function compareOn(load: Load, options: CompareOptions): Promise<LoadResult> {
  const { peers, rounds, seconds, workers, say } = options;
  const running = new Map<Peer, RunningPeer>();
  const cells: Record<string, Cell[]> = Object.fromEntries(peers.map((peer) => [peer.name, []]));
  try {
    for (const peer of peers)
      await attempt(load, peer, running, { seconds: Math.min(seconds * 2, WARM_UP_SECONDS), workers });
    for (let round = 1; round <= rounds; round += 1) {
      for (const peer of peers) {
        const cell = await attempt(load, peer, running, { seconds, workers });
        cells[peer.name]!.push(cell);
        say(`${load.name.padEnd(16)} ${round}/${rounds} ${peer.name.padEnd(17)} ${cellLine(cell)}`);
      }
    }
  } finally {
    for (const peer of running.values()) await peer.stop();
  }
  return { load, cells };
}

/** One cell; a broker that cannot start or dies makes a failed cell, and is started anew for the next. */
async function attempt(
  load: Load,
  peer: Peer,
  running: Map<Peer, RunningPeer>,
  options: { readonly seconds: number; readonly workers: number },
): Promise<Cell> {
  try {
    const broker = running.get(peer) ?? (await peer.start());
    running.set(peer, broker);
    return await runCell(load, broker, options);
  } catch (error) {
    await running.get(peer)?.stop();
    running.delete(peer);
    return failedCell(error instanceof Error ? error.message : String(error));
  }
}

function failedCell(failure: string): Cell {
  const none = Number.NaN;
  return {
    failure,
    delivered: 0,
    perSecond: none,
    cpuMicrosPerMessage: none,
    p50Micros: none,
    p99Micros: none,
    p999Micros: none,
    brokerShare: none,
    brokerRssBytes: none,
    generators: [],
    machineShare: none,
  };
}

/** One cell in one line of the running commentary. */
export function cellLine(cell: Cell): string {
  if (cell.failure !== '') return `FAILED: ${cell.failure}`;
  const generators = cell.generators.map((one) => one.cpuShare.toFixed(2)).join('+');
  return [
    `${cell.cpuMicrosPerMessage.toFixed(2).padStart(6)} µs/msg`,
    `${Math.round(cell.perSecond).toLocaleString('en').padStart(9)}/s`,
    `p50 ${(cell.p50Micros / 1000).toFixed(2)} p99 ${(cell.p99Micros / 1000).toFixed(2)} ms`,
    `cores: broker ${cell.brokerShare.toFixed(2)}, generator ${generators}, machine ${cell.machineShare.toFixed(2)}`,
  ].join('  ');
}
