import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { type RestartResult, restart } from './restart.ts';

const START_MS = 5000;
const STOP_MS = 5000;
const TURN_S = 0.05;
const CLIENTS = 10_000;

/** `bench restart`: returns the exit code, 1 when a start or a stop took more than 5 s, or a turn more than 50 ms. */
export async function runRestart(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const queued = options.count ?? (options.quick ? 20_000 : 1_000_000);
  const retained = Math.ceil(queued / 10);
  const clients = options.quick ? 500 : CLIENTS;
  const result = await restart(options.sonde ?? root, queued, retained, clients, say);
  const machine = describeMachine(root);
  const page = restartMarkdown(machineLine(machine), result);
  say(page);
  if (!options.quick || options.out !== null) {
    const folder = options.out ?? join(root, 'bench', 'results');
    const names = saveResult(folder, 'restart', machine, { machine, ...result }, page);
    say(`written: ${names.join(', ')}`);
  }
  const turns = Object.values(result.longestTurns).every((seconds) => seconds <= TURN_S);
  const whole = result.retainedGot === result.retained;
  return whole && turns && result.startMs <= START_MS && result.stopMs <= STOP_MS ? 0 : 1;
}

/** The page of a run. */
export function restartMarkdown(machine: string, result: RestartResult): string {
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const longest = Object.entries(result.longestTurns).map(([work, s]) => `${work} ${(s * 1000).toFixed(1)}`);
  return [
    '# Start with much in the store, and stop under load',
    '',
    machine,
    '',
    `- Start with ${result.queued} queued and ${result.retained} retained messages: ready after ${result.startMs.toFixed(0)} ms, ${mebibytes(result.startRssBytes)}.`,
    `- A subscriber of \`#\` got ${result.retainedGot} retained messages in ${result.retainedMs.toFixed(0)} ms, at most ${mebibytes(result.retainedRssBytes)} meanwhile;`,
    `  what another client published after the first of them was there after ${result.liveMs.toFixed(1)} ms.`,
    `- Longest turns of the event loop until then, in ms: ${longest.join(', ') || 'none above 5'}.`,
    `- SIGTERM with ${result.clients} connected clients under load: gone after ${result.stopMs.toFixed(0)} ms.`,
    '',
  ].join('\n');
}
