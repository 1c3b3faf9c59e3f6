import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { type Spread, spreadOf } from '../measure/summary.ts';
import { startSonde } from '../peers/sonde.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { type AckPhase, measureQueries } from './queries.ts';
import { fillYear, type Year } from './year.ts';

/** Publishes a second beside the queries: a busy house, far from what the broker can take. */
const RATE = 1000;
/** One point each minute of a year, on ten topics. */
const POINTS = 365 * 24 * 60 * 10;
/** What the p99 of PUBACKs may become at most while history is asked. */
const ALLOWED = 2;

/** `bench queries`: returns the exit code, 1 when the p99 beside the queries is more than twice that without. */
export async function runQueries(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const sonde = await startSonde({ root: options.sonde ?? root, history: 'duckdb' });
  try {
    const { rounds, seconds } = options;
    const year = await fillYear(sonde.mqttPort, sonde.httpPort, options.count ?? (options.quick ? 100_000 : POINTS));
    say(`${year.points.toLocaleString('en')} points of a year in history after ${year.seconds.toFixed(0)} s`);
    const { mqttPort, httpPort, pid } = sonde;
    const phases = await measureQueries({ mqttPort, httpPort, pid, year, rounds, seconds, rate: RATE, say });
    const machine = describeMachine(root);
    const ratio = ratioOf(phases);
    const page = queriesMarkdown(machineLine(machine), year, phases, ratio);
    say(page);
    if (!options.quick || options.out !== null) {
      const result = { machine, year, rate: RATE, ratio, phases };
      const names = saveResult(options.out ?? join(root, 'bench', 'results'), 'queries', machine, result, page);
      say(`written: ${names.join(', ')}`);
    }
    const answered = phases.every((one) => one.errors.length === 0 && (!one.asked || one.queries > 0));
    return answered && ratio.median <= ALLOWED ? 0 : 1;
  } finally {
    await sonde.stop();
  }
}

/** p99 with queries over that of the phase before it without. */
export function ratioOf(phases: readonly Pick<AckPhase, 'asked' | 'p99'>[]): Spread {
  const quiet = phases.filter((one) => !one.asked);
  const busy = phases.filter((one) => one.asked);
  return spreadOf(busy.map((one, i) => one.p99 / quiet[i]!.p99));
}

function queriesMarkdown(machine: string, year: Year, phases: readonly AckPhase[], ratio: Spread): string {
  const errors = phases.flatMap((one) => one.errors);
  const of = (asked: boolean, pick: (one: AckPhase) => number): string => {
    const { median, min, max } = spreadOf(phases.filter((one) => one.asked === asked).map(pick));
    return `${shown(median)} (${shown(min)}-${shown(max)})`;
  };
  const line = (asked: boolean): string =>
    `| ${asked ? 'ten queries and an export' : 'nothing'} | ${of(asked, (one) => one.p50)} | ${of(asked, (one) => one.p99)} | ${of(asked, (one) => one.max)} | ${of(asked, (one) => one.loopP99)} |`;
  return [
    '# PUBACKs beside queries',
    '',
    machine,
    '',
    `History holds ${year.points.toLocaleString('en')} points on ${year.topics.length} topics, evenly over the year from ${year.from} (filled in ${year.seconds.toFixed(0)} s over MQTT).`,
    `Ten clients publish ${RATE} messages a second at QoS 1, which are recorded as well. In every second phase ten queries of that whole year (500 buckets`,
    'each) and a CSV export of one topic run at once, each again as soon as it ends. Median (least-greatest) of the phases, in µs.',
    '',
    '| beside it | PUBACK p50 | PUBACK p99 | PUBACK max | the measuring process itself late, p99 |',
    '|---|---|---|---|---|',
    line(false),
    line(true),
    '',
    `p99 with queries / without, phase by phase: ${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)}).`,
    `Queries answered per phase: ${of(true, (one) => one.queries)}; one took ${of(true, (one) => one.queryP50Millis)} ms (slowest ${of(true, (one) => one.queryMaxMillis)});`,
    `exports finished: ${of(true, (one) => one.exports)}, ${of(true, (one) => one.exportedMiB)} MiB.`,
    ...(errors.length === 0 ? [] : ['', `Errors: ${[...new Set(errors)].slice(0, 5).join('; ')}`]),
    '',
  ].join('\n');
}

function shown(value: number): string {
  return Number.isNaN(value) ? '-' : value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
}
