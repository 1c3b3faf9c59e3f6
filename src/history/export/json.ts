import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BucketColumns, PointColumns } from '../duckdb/queries.ts';
import type { PointValue } from '../port.ts';
import { isoTime } from './time-text.ts';

/** Rows that are turned into text in one turn of the event loop, which the recorder shares: some milliseconds. */
const ROWS_A_CHUNK = 2000;

/** `{"points":[["2026-11-21T07:03:00.123456Z",22.25],...]}`, in chunks. */
export function pointsJson({ times, numbers, others }: PointColumns, rows: number): AsyncGenerator<Uint8Array> {
  const texts = new Map(others);
  return chunks(Math.min(rows, times.length), (row) => {
    const number = numbers[row] as number;
    return `["${isoTime(times[row] as number)}",${Number.isNaN(number) ? valueText(texts.get(row)) : number}]`;
  });
}

/** `{"points":[["2026-11-21T07:03:00.000000Z",min,avg,max],...]}`, in chunks. */
export function bucketsJson({ starts, mins, avgs, maxs }: BucketColumns): AsyncGenerator<Uint8Array> {
  return chunks(
    starts.length,
    (row) => `["${isoTime(starts[row] as number)}",${mins[row]},${finite(avgs[row] as number)},${maxs[row]}]`,
  );
}

function valueText(value: PointValue | undefined): string {
  return value === undefined ? 'null' : JSON.stringify(value);
}

/** The mean of values near the largest that there is may be beyond it, which JSON has no number for. */
function finite(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null';
}

async function* chunks(rows: number, render: (row: number) => string): AsyncGenerator<Uint8Array> {
  let text = '{"points":[';
  for (let row = 0; row < rows; row++) {
    text += row === 0 ? render(row) : `,${render(row)}`;
    if (row % ROWS_A_CHUNK !== ROWS_A_CHUNK - 1) continue;
    yield Buffer.from(text);
    text = '';
    await nextTurn();
  }
  yield Buffer.from(`${text}]}`);
}
