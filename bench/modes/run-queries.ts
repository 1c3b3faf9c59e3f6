import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { type Spread, spreadOf } from '../measure/summary.ts';
import { startSonde } from '../peers/sonde.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { type AckPhase, type Asked, measureQueries } from './queries.ts';
import { fillYear, type Year } from './year.ts';

/** Publishes a second beside the queries: a busy house, far from what the broker can take. */
const RATE = 1000;
/** One point each minute of a year, on ten topics. */
const POINTS = 365 * 24 * 60 * 10;
/** What the p99 of PUBACKs may become at most while history is asked. */
const ALLOWED = 2;

/** `bench queries`: returns the exit code, 1 when the p99 beside queries at once is more than twice that beside nothing. */
export async function runQueries(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const sonde = await startSonde({ root: options.sonde ?? root, history: 'duckdb' });
  try {
    const { rounds, seconds } = options;
    const year = await fillYear(sonde.mqttPort, sonde.httpPort, options.count ?? (options.quick ? 100_000 : POINTS));
    say(`${year.points.toLocaleString('en')} points of a year in history after ${year.seconds.toFixed(0)} s`);
    const { mqttPort, httpPort, pid } = sonde;
    const phases = await measureQueries({ mqttPort, httpPort, pid, year, rounds, seconds, rate: RATE, say });
    const machine = describeMachine(root);
    const ratio = ratioOf(phases, 'at once');
    const withoutEnd = ratioOf(phases, 'without end');
    const page = queriesMarkdown(machineLine(machine), year, phases, ratio, withoutEnd);
    say(page);
    if (!options.quick || options.out !== null) {
      const result = { machine, year, rate: RATE, ratio, withoutEnd, phases };
      const names = saveResult(options.out ?? join(root, 'bench', 'results'), 'queries', machine, result, page);
      say(`written: ${names.join(', ')}`);
    }
    const answered = phases.every((one) => one.errors.length === 0 && (one.asked === 'nothing' || one.queries > 0));
    return answered && ratio.median <= ALLOWED ? 0 : 1;
  } finally {
    await sonde.stop();
  }
}

/** p99 beside what is asked over that of the quiet phase of the same round. */
export function ratioOf(phases: readonly Pick<AckPhase, 'asked' | 'p99'>[], asked: Asked): Spread {
  const quiet = phases.filter((one) => one.asked === 'nothing');
  const busy = phases.filter((one) => one.asked === asked);
  return spreadOf(busy.map((one, i) => one.p99 / quiet[i]!.p99));
}

function queriesMarkdown(
  machine: string,
  year: Year,
  phases: readonly AckPhase[],
  ratio: Spread,
  withoutEnd: Spread,
): string {
  const errors = phases.flatMap((one) => one.errors);
  const of = (asked: Asked, pick: (one: AckPhase) => number): string => {
    const { median, min, max } = spreadOf(phases.filter((one) => one.asked === asked).map(pick));
    return `${shown(median)} (${shown(min)}-${shown(max)})`;
  };
  const line = (asked: Asked, name: string): string =>
    `| ${name} | ${of(asked, (one) => one.p50)} | ${of(asked, (one) => one.p99)} | ${of(asked, (one) => one.max)} | ${of(asked, (one) => one.loopP99)} |`;
  return [
    '# PUBACKs beside queries',
    '',
    machine,
    '',
    `History holds ${year.points.toLocaleString('en')} points on ${year.topics.length} topics, evenly over the year from ${year.from} (filled in ${year.seconds.toFixed(0)} s over MQTT).`,
    `Ten clients publish ${RATE} messages a second at QoS 1, which are recorded as well. At once: ten queries of that whole year (500 buckets each) and a`,
    'CSV export of one topic begin together, and again when all have ended. Without end: each begins again as soon as it has ended. The process that asks stands',
    'for browsers elsewhere and runs behind the others; the one that measures goes first, where the system allows it. Median (least-greatest) of the phases, in µs.',
    '',
    '| beside it | PUBACK p50 | PUBACK p99 | PUBACK max | the measuring process itself late, p99 |',
    '|---|---|---|---|---|',
    line('nothing', 'nothing'),
    line('at once', 'ten queries and an export at once'),
    line('without end', 'the same without end'),
    '',
    `p99 beside ten queries and an export at once / beside nothing, round by round: ${shownRatio(ratio)}; without end: ${shownRatio(withoutEnd)}.`,
    ...(['at once', 'without end'] as const).map(
      (asked) =>
        `${asked}: ${of(asked, (one) => one.queries)} queries a phase, ${of(asked, (one) => one.queryP50Millis)} ms each (slowest ${of(asked, (one) => one.queryMaxMillis)}); ${of(asked, (one) => one.exports)} exports, ${of(asked, (one) => one.exportedMiB)} MiB.`,
    ),
    ...(errors.length === 0 ? [] : ['', `Errors: ${[...new Set(errors)].slice(0, 5).join('; ')}`]),
    '',
  ].join('\n');
}

function shownRatio({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

function shown(value: number): string {
  return Number.isNaN(value) ? '-' : value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
}
