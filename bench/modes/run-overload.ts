import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { pickAttacks } from '../overload/attacks.ts';
import { type OverloadCell, overloadCell } from '../overload/cell.ts';
import { faultsOf } from '../overload/faults.ts';
import { findMosquitto, mosquitto } from '../peers/mosquitto.ts';
import type { Peer } from '../peers/peer.ts';
import { sonde } from '../peers/sonde.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { milliseconds as ms, overloadMarkdown } from '../report/overload-markdown.ts';
import { saveResult } from '../report/save.ts';

/** `bench overload`: returns the exit code, 1 when Sonde did not live or others waited longer than with Mosquitto. */
export async function runOverload(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const attacks = pickAttacks(options.loads);
  const command = findMosquitto();
  if (command === null) say('Mosquitto is not installed: Sonde runs alone');
  const built = options.sonde ?? root;
  const all: readonly Peer[] = [
    ...(command === null ? [] : [mosquitto(command, { name: 'mosquitto', nodelay: true, bounded: true })]),
    sonde({ root: built, history: 'off' }),
    sonde({ root: built, history: 'duckdb' }),
  ];
  const peers = all.filter(({ name }) => options.peers.length === 0 || options.peers.includes(name));
  const cells: OverloadCell[] = [];
  for (const attack of attacks) {
    say(`${attack.name}: ${attack.title}`);
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const peer of peers) {
        const cell = await overloadCell(attack, peer, options.seconds);
        cells.push(cell);
        say(`  ${round}/${options.rounds} ${lineOf(cell)}`);
      }
    }
  }
  const machine = describeMachine(root);
  const described = await Promise.all(peers.map(async (peer) => `${peer.name}: ${await peer.describe()}`));
  const page = overloadMarkdown(machineLine(machine), described, attacks, cells, options);
  if (!options.quick || options.out !== null) {
    const folder = options.out ?? join(root, 'bench', 'results');
    const names = saveResult(folder, 'overload', machine, { machine, described, cells }, page);
    say(`written: ${names.join(', ')}`);
  }
  const faults = faultsOf(cells);
  for (const fault of faults) say(fault);
  return faults.length === 0 ? 0 : 1;
}

function lineOf(cell: OverloadCell): string {
  if (cell.failure !== '') return `${cell.peer}: FAILED: ${cell.failure}`;
  const mebibytes = (cell.peakRssBytes / 2 ** 20).toFixed(0);
  const { connected = 0, closed = 0, sent = 0 } = cell.did ?? {};
  return `${cell.peer}: peak ${mebibytes} MiB, p50 ${ms(cell.p50)}, p99 ${ms(cell.p99)}, longest ${ms(cell.longest)}, lost ${cell.lost} of ${cell.samples}, reconnects ${cell.reconnects}; load: connected ${connected}, closed ${closed}, sent ${sent}`;
}
