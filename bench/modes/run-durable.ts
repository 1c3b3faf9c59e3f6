import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { type DurablePeer, durableMosquitto, durableSonde } from '../peers/durable.ts';
import { findMosquitto } from '../peers/mosquitto.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { type DurableResult, runDurablePeer } from './durable.ts';

const LOAD = { publishers: 20, window: 500, payloadBytes: 64 };
/** What a `sync` Sonde reaches at least of an `async` one's rate. */
const LEAST_SHARE = 0.6;

/** `bench durable`: returns the exit code, 1 when Sonde lost, repeated or reordered something, or `sync` costs too much. */
export async function runDurable(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const peers = peersOf(options.sonde ?? root).filter(
    ({ name }) => options.peers.length === 0 || options.peers.includes(name),
  );
  const results: DurableResult[] = [];
  for (const peer of peers) {
    // It writes all that it holds with each change: seconds are enough to see it.
    const seconds = peer.name === 'mosquitto-each-change' ? Math.min(5, options.seconds) : options.seconds;
    say(`${peer.name}: ${seconds} s`);
    results.push(await runDurablePeer(peer, { ...LOAD, seconds }));
  }
  const machine = describeMachine(root);
  const page = durableMarkdown(machineLine(machine), results);
  say(page);
  if (!options.quick || options.out !== null) {
    const folder = options.out ?? join(root, 'bench', 'results');
    say(`written: ${saveResult(folder, 'durable', machine, { machine, load: LOAD, results }, page).join(', ')}`);
  }
  return isGood(results) ? 0 : 1;
}

function peersOf(root: string): readonly DurablePeer[] {
  const mosquitto = findMosquitto();
  return [
    durableSonde('sonde-sync', root, ['--history', 'off', '--durability', 'sync']),
    durableSonde('sonde-async', root, ['--history', 'off', '--durability', 'async']),
    ...(mosquitto === null
      ? []
      : [
          durableMosquitto(mosquitto, 'mosquitto-default', []),
          durableMosquitto(mosquitto, 'mosquitto-each-change', ['autosave_on_changes true', 'autosave_interval 1']),
        ]),
  ];
}

function isGood(results: readonly DurableResult[]): boolean {
  const sync = results.find(({ name }) => name === 'sonde-sync');
  const async = results.find(({ name }) => name === 'sonde-async');
  const isWhole = sync === undefined || sync.lost + sync.outOfOrder + sync.twice === 0;
  return isWhole && (!sync || !async || sync.ackedPerSecond >= async.ackedPerSecond * LEAST_SHARE);
}

/** The page of a run. */
export function durableMarkdown(machine: string, results: readonly DurableResult[]): string {
  const { publishers, window, payloadBytes } = LOAD;
  return [
    '# Acknowledged means on disk',
    '',
    machine,
    '',
    `${publishers} publishers at QoS 1, each with ${window} messages of ${payloadBytes} bytes under way, for one session that is away. While they are at it the`,
    'broker is killed (SIGKILL) and started again on its data; then the session comes back and takes what waits. Lost is what was acknowledged and never came.',
    '',
    '| broker | s | acknowledged a second | slowest / middle second | CPU µs a message | acknowledged | bytes on disk a message | start ms | delivered | lost | twice | out of order | drained a second |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...results.map(
      (one) =>
        `| ${[
          one.name,
          one.seconds.toFixed(1),
          whole(one.ackedPerSecond),
          `${whole(one.slowestSecond)} / ${whole(one.middleSecond)}`,
          one.cpuMicrosPerMessage.toFixed(2),
          whole(one.acked),
          whole(one.diskBytesPerMessage),
          whole(one.startMs),
          whole(one.received),
          whole(one.lost),
          one.twice,
          one.outOfOrder,
          whole(one.drainedPerSecond),
        ].join(' | ')} |`,
    ),
    '',
    ...results.map(({ name, words }) => `- \`${name}\`: \`${words}\``),
    '',
    'After a `kill -9` a message that was on its way may come although it was not acknowledged. A power cut is not what this shows: see docs/durability.md.',
    '',
  ].join('\n');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
