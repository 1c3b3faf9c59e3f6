import type { HistoryCheck } from './checks.ts';
import type { Stream } from './ledger.ts';
import { FAULTS, type RunState } from './run-state.ts';

export type Outcome = {
  readonly run: RunState;
  readonly seed: number;
  readonly folder: string;
  readonly seconds: number;
  readonly cycles: number;
  readonly kills: ReadonlyMap<string, number>;
  readonly streams: readonly Stream[];
  readonly delivered: number;
  readonly history: readonly HistoryCheck[];
  readonly filtersLooked: number;
  readonly slowestStartMs: number;
};

const NAMED = 8;

/** The table of a run, and its first faults with what is known of them. */
export function reportOf(outcome: Outcome): string {
  const { run, streams, kills, history } = outcome;
  const sum = (of: (stream: Stream) => number, qos?: number): number =>
    streams.filter((stream) => qos === undefined || stream.qos === qos).reduce((total, one) => total + of(one), 0);
  const rows: [string, string | number][] = [
    ['cycles', `${outcome.cycles} in ${outcome.seconds.toFixed(0)} s`],
    ...[...kills].map(([name, count]): [string, number] => [`  ${name}`, count]),
    ...[1, 2].map((qos): [string, number] => [`acknowledged, QoS ${qos}`, sum((one) => one.acknowledged(), qos)]),
    ['surely taken, QoS 0', sum((one) => one.acknowledged(), 0)],
    ['sent again by publishers', sum((one) => one.resendsInAll())],
    ['received by subscribers', outcome.delivered],
    ['points in history', history.reduce((total, one) => total + one.points, 0)],
    ['  of these: a QoS 1 publisher sent it again', history.reduce((total, one) => total + one.resent, 0)],
    [
      'QoS 0 missing: taken at most so long before',
      `${Math.max(0, ...history.map((one) => one.oldestQos0Ms)).toFixed(0)} ms`,
    ],
    ['filters looked at after a start', outcome.filtersLooked],
    ['slowest start', `${outcome.slowestStartMs.toFixed(0)} ms`],
    ...FAULTS.map((kind): [string, number] => [kind, run.count(kind)]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  for (const [kind, texts] of run.faults) {
    lines.push('', `${kind}:`, ...texts.slice(0, NAMED).map((text) => `  ${text}`));
  }
  if (faultsOf(run) > 0) lines.push('', `seed ${outcome.seed}; the data folder and what Sonde said: ${outcome.folder}`);
  return lines.join('\n');
}

export function faultsOf(run: RunState): number {
  return FAULTS.reduce((sum, kind) => sum + run.count(kind), 0);
}
