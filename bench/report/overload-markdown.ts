import { cpus } from 'node:os';
import { type Spread, spreadOf } from '../measure/summary.ts';
import type { Attack } from '../overload/attacks.ts';
import type { OverloadCell } from '../overload/cell.ts';

const HEAD = [
  'overload',
  'broker',
  'peak MiB',
  'p50',
  'p99',
  'p99 / Mosquitto',
  'longest',
  'lost',
  'sent',
  'p99 before',
];

/** The page of a run: a row for each overload and broker, of all its rounds. */
export function overloadMarkdown(
  machine: string,
  peers: readonly string[],
  attacks: readonly Attack[],
  cells: readonly OverloadCell[],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): string {
  return [
    '# Overload: memory, and what others feel',
    '',
    machine,
    '',
    ...peers.map((peer) => `- ${peer}`),
    '',
    `Each overload lasts ${seconds} s, ${rounds} rounds, brokers in turn and fresh. A client in a process of its own publishes 50 messages a second`,
    'at QoS 0 to itself: p50, p99 and the longest are its round trips in milliseconds, from when each was due. Figures are medians',
    '(least-greatest) of the rounds, ratios taken round by round; the longest and the lost are of all rounds. Memory is the peak of all processes',
    `of a broker, each 0.1 s. The loads run on the same ${cpus().length} cores.`,
    '',
    `| ${HEAD.join(' | ')} |`,
    `| --- | --- |${' ---: |'.repeat(HEAD.length - 2)}`,
    ...attacks.flatMap((attack) => {
      const of = cells.filter((cell) => cell.attack === attack.name);
      const names = [...new Set(of.map(({ peer }) => peer))];
      return names.map((name) => `| ${rowOf(attack.title, name, of).join(' | ')} |`);
    }),
    '',
  ].join('\n');
}

/** A time with its unit. */
export const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;

function rowOf(title: string, name: string, cells: readonly OverloadCell[]): readonly string[] {
  const rounds = cells.filter(({ peer }) => peer === name);
  const failed = rounds.find(({ failure }) => failure !== '');
  if (failed !== undefined) return [title, name, `FAILED: ${failed.failure}`, ...HEAD.slice(3).map(() => '')];
  const yardstick = cells.filter(({ peer }) => peer === 'mosquitto');
  const ratios = rounds.map(({ p99 }, at) => p99 / (yardstick[at]?.p99 ?? Number.NaN));
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const reconnects = sum(rounds.map((cell) => cell.reconnects));
  return [
    title,
    name,
    spread(spreadOf(rounds.map(({ peakRssBytes }) => peakRssBytes / 2 ** 20)), 0),
    spread(spreadOf(rounds.map(({ p50 }) => p50)), 1),
    spread(spreadOf(rounds.map(({ p99 }) => p99)), 1),
    name === 'mosquitto' ? '' : spread(spreadOf(ratios), 2),
    Math.max(...rounds.map(({ longest }) => longest)).toFixed(1),
    `${sum(rounds.map(({ lost }) => lost))}${reconnects > 0 ? ` (${reconnects} reconnects)` : ''}`,
    spread(spreadOf(rounds.map(({ did }) => did?.sent ?? 0)), 0),
    spread(spreadOf(rounds.map(({ quietP99 }) => quietP99)), 1),
  ];
}

function spread({ median, min, max }: Spread, digits: number): string {
  if (Number.isNaN(median)) return '';
  const [middle, least, most] = [median, min, max].map((value) => value.toFixed(digits));
  return least === most ? `${middle}` : `${middle} (${least}-${most})`;
}
