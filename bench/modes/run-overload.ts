import { cpus } from 'node:os';
import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { type Attack, pickAttacks } from '../overload/attacks.ts';
import { type OverloadCell, overloadCell } from '../overload/cell.ts';
import { findMosquitto, mosquitto } from '../peers/mosquitto.ts';
import type { Peer } from '../peers/peer.ts';
import { sonde } from '../peers/sonde.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';

/** The p99 of others that is allowed where the machine has a core to spare. */
const ALLOWED_MS = 50;

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
    for (const peer of peers) {
      const cell = await overloadCell(attack, peer, options.seconds);
      cells.push(cell);
      say(`  ${lineOf(cell)}`);
    }
  }
  const machine = describeMachine(root);
  const described = await Promise.all(peers.map(async (peer) => `${peer.name}: ${await peer.describe()}`));
  const page = overloadMarkdown(machineLine(machine), described, attacks, cells, options.seconds);
  if (!options.quick || options.out !== null) {
    const folder = options.out ?? join(root, 'bench', 'results');
    const names = saveResult(folder, 'overload', machine, { machine, described, cells }, page);
    say(`written: ${names.join(', ')}`);
  }
  const faults = faultsOf(cells);
  for (const fault of faults) say(fault);
  return faults.length === 0 ? 0 : 1;
}

/** What Sonde must not do: end, lose a message of the probe, or let it wait longer than Mosquitto and 50 ms. */
export function faultsOf(cells: readonly OverloadCell[]): readonly string[] {
  return cells.flatMap((cell) => {
    if (!cell.peer.startsWith('sonde')) return [];
    const name = `${cell.peer}, ${cell.attack}`;
    if (cell.failure !== '') return [`${name}: ${cell.failure}`];
    const other = cells.find(({ attack, peer }) => attack === cell.attack && peer === 'mosquitto');
    const faults: string[] = [];
    if (cell.reconnects > 0) faults.push(`${name}: the other client was disconnected ${cell.reconnects} times`);
    if (cell.lost > 0) faults.push(`${name}: ${cell.lost} messages of the other client did not come`);
    const most = Math.max(other && other.failure === '' ? other.p99 : 0, other ? 0 : ALLOWED_MS);
    if (cell.p99 > most) faults.push(`${name}: p99 of the other client ${ms(cell.p99)}, Mosquitto's ${ms(most)}`);
    if (cell.p99 > ALLOWED_MS) faults.push(`${name}: p99 of the other client ${ms(cell.p99)}, above ${ALLOWED_MS} ms`);
    return faults;
  });
}

/** The page of a run. */
export function overloadMarkdown(
  machine: string,
  peers: readonly string[],
  attacks: readonly Attack[],
  cells: readonly OverloadCell[],
  seconds: number,
): string {
  const head = ['overload', 'broker', 'peak MiB', 'p50', 'p99', 'longest', 'lost', 'sent', 'p99 before'];
  return [
    '# Overload: memory, and what others feel',
    '',
    machine,
    '',
    ...peers.map((peer) => `- ${peer}`),
    '',
    `Each overload lasts ${seconds} s. A client in a process of its own publishes 50 messages a second at QoS 0 to itself: p50, p99 and`,
    'the longest are its round trips in milliseconds, from when each was due. Memory is the peak of all processes of a broker, each 0.1 s.',
    `The loads run on the same ${cpus().length} cores.`,
    '',
    `| ${head.join(' | ')} |`,
    `| --- | --- |${' ---: |'.repeat(head.length - 2)}`,
    ...attacks.flatMap((attack) =>
      cells.filter((cell) => cell.attack === attack.name).map((cell) => `| ${rowOf(attack, cell).join(' | ')} |`),
    ),
    '',
  ].join('\n');
}

function rowOf(attack: Attack, cell: OverloadCell): readonly string[] {
  if (cell.failure !== '') return [attack.title, cell.peer, `FAILED: ${cell.failure}`, '', '', '', '', '', ''];
  const figures = [cell.peakRssBytes / 2 ** 20, cell.p50, cell.p99, cell.longest].map((value) => value.toFixed(1));
  return [
    attack.title,
    cell.peer,
    ...figures,
    `${cell.lost}${cell.reconnects > 0 ? ` (${cell.reconnects} reconnects)` : ''}`,
    String(cell.did?.sent ?? ''),
    cell.quietP99.toFixed(1),
  ];
}

function lineOf(cell: OverloadCell): string {
  if (cell.failure !== '') return `${cell.peer}: FAILED: ${cell.failure}`;
  const mebibytes = (cell.peakRssBytes / 2 ** 20).toFixed(0);
  const { connected = 0, closed = 0, sent = 0 } = cell.did ?? {};
  return `${cell.peer}: peak ${mebibytes} MiB, p50 ${ms(cell.p50)}, p99 ${ms(cell.p99)}, longest ${ms(cell.longest)}, lost ${cell.lost} of ${cell.samples}, reconnects ${cell.reconnects}; load: connected ${connected}, closed ${closed}, sent ${sent}`;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
