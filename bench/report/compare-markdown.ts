import type { Spread } from '../measure/summary.ts';
import { type CompareResult, type Mark, type Row, rowsOf } from './compare-result.ts';
import { machineLine } from './machine.ts';

const MARK_SIGNS: Readonly<Record<Mark, string>> = { generator: 'G', machine: 'M', disturbed: 'D' };

/** The whole page of a comparison; `yardstick` is the peer that ratios refer to. */
export function compareMarkdown(result: CompareResult, yardstick: string): string {
  const rows = result.loads.flatMap((load) => rowsOf(load, yardstick, result.machine.cores));
  const failures = rows.filter((row) => row.failed > 0);
  return [
    '# Brokers beside each other',
    '',
    machineLine(result.machine),
    '',
    `${result.rounds} rounds of ${result.seconds} s a cell, brokers in turn, ${result.workers} generator processes on the same machine. Every message was`,
    'checked: exactly once, in order, of the right size and QoS. Median (least-greatest) of the rounds; ratios are taken round by round.',
    '',
    ...result.peers.map((peer) => `- \`${peer.name}\`: ${peer.description}`),
    '',
    `| load | broker | CPU µs a message | CPU / ${yardstick} | messages a second | rate / ${yardstick} | p50 ms | p99 ms | cores: broker, generator | RSS MiB | |`,
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map(line),
    '',
    'CPU is user and system time of all processes and threads of the broker per delivered message, until it has come to rest. Rate and latency are what broker',
    'and generator reach together. `G`: a generator process was saturated, so rate and latency are not the broker’s limit. `M`: the machine’s cores were',
    'all in use. `D`: other programs took part of the machine.',
    ...(failures.length === 0 ? [] : ['', '## Failed rounds', '', ...failures.map(failureLine)]),
    '',
    ...behindLines(rows, yardstick),
    '',
  ].join('\n');
}

/** Rows of Sonde that are behind the yardstick in CPU, rate or p99 by their medians. */
export function behind(rows: readonly Row[]): readonly string[] {
  return rows
    .filter((row) => row.peer.startsWith('sonde'))
    .flatMap((row) => {
      const words: string[] = [];
      if (row.cpuRatio && row.cpuRatio.median > 1) words.push(`CPU ${times(row.cpuRatio)}`);
      if (row.rateRatio && row.rateRatio.median < 1) words.push(`rate ${times(row.rateRatio)}`);
      if (row.p99Ratio && row.p99Ratio.median > 1) words.push(`p99 ${times(row.p99Ratio)}`);
      if (row.good === 0) words.push('no round counted');
      return words.length === 0 ? [] : [`${row.load}, \`${row.peer}\`: ${words.join(', ')}`];
    });
}

function behindLines(rows: readonly Row[], yardstick: string): readonly string[] {
  const lines = behind(rows);
  if (!rows.some((row) => row.cpuRatio !== null && row.peer.startsWith('sonde'))) return [];
  if (lines.length === 0) return [`Sonde is not behind \`${yardstick}\` on any row, in CPU, rate or p99.`];
  return [`Where Sonde is behind \`${yardstick}\` (medians):`, '', ...lines.map((text) => `- ${text}`)];
}

function line(row: Row): string {
  if (row.good === 0) return `| ${row.load} | ${row.peer} | FAILED: ${row.failure} | | | | | | | | |`;
  const cells = [
    row.load,
    row.peer,
    spread(row.cpuMicros, 2),
    row.cpuRatio ? times(row.cpuRatio) : '',
    `${Math.round(row.perSecond.median).toLocaleString('en')}`,
    row.rateRatio ? times(row.rateRatio) : '',
    millis(row.p50Micros.median),
    millis(row.p99Micros.median),
    `${row.brokerShare.toFixed(2)}, ${row.generatorShares.map((share) => share.toFixed(2)).join(' + ')}`,
    row.rssMiB.toFixed(0),
    [...row.marks.map((mark) => MARK_SIGNS[mark]), ...(row.failed > 0 ? [`${row.failed} failed`] : [])].join(' '),
  ];
  return `| ${cells.join(' | ')} |`;
}

function failureLine(row: Row): string {
  return `- ${row.load}, \`${row.peer}\`: ${row.failed} of ${row.failed + row.good} rounds: ${row.failure}`;
}

function spread(value: Spread, digits: number): string {
  return `${value.median.toFixed(digits)} (${value.min.toFixed(digits)}-${value.max.toFixed(digits)})`;
}

function times(value: Spread): string {
  return `${spread(value, 2)}`;
}

function millis(micros: number): string {
  return (micros / 1000).toFixed(2);
}
