import type { BenchArguments } from '../arguments.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { type RestartResult, restart } from './restart.ts';

/** 10 ms, and as much that the meter may say too much of a long turn. */
const TURN_S = 0.02;
/** The reader's output is bounded by 1 MiB; the rest is what the collector leaves for later. */
const GROWTH_BYTES = 256 * 2 ** 20;

/**
 * `bench retained`: a wildcard over 1,000,000 retained messages. Returns the exit code, 1 when some did not come, a turn of the
 * search was said to be longer than 10 ms and the meter's own 10, or memory grew.
 */
export async function runRetained(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const retained = options.count ?? (options.quick ? 20_000 : 1_000_000);
  const result = await restart(options.sonde ?? root, 0, retained, 0, say);
  say(retainedText(machineLine(describeMachine(root)), result));
  const isShort = (result.longestTurns['retained search'] ?? 0) <= TURN_S;
  const isBounded = result.retainedRssBytes - result.startRssBytes <= GROWTH_BYTES;
  return result.retainedGot === retained && isShort && isBounded ? 0 : 1;
}

/** What is said of a run. */
export function retainedText(machine: string, result: RestartResult): string {
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const searchMs = (result.longestTurns['retained search'] ?? 0) * 1000;
  return [
    machine,
    `${result.retainedGot} of ${result.retained} retained messages came to a subscriber of # in ${result.retainedMs.toFixed(0)} ms;`,
    `the longest turn of the search ${searchMs.toFixed(1)} ms; a live message was there after ${result.liveMs.toFixed(1)} ms;`,
    `resident memory ${mebibytes(result.startRssBytes)} before, ${mebibytes(result.retainedRssBytes)} at most meanwhile.`,
  ].join('\n');
}
