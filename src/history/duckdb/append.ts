import type { DuckDBDataChunk as Chunk, DuckDBAppender } from '@duckdb/node-api';
import { KIND_BYTES, KIND_EXACT, KIND_TEXT, type PointRows, type TextRow } from './columns.ts';
import { BIGINT, BLOB, blobValue, DOUBLE, DuckDBDataChunk, INTEGER, TIMESTAMP, UTINYINT, VARCHAR } from './library.ts';

const CHUNK_ROWS = 2048;
const POINT_TYPES = [INTEGER, TIMESTAMP, TIMESTAMP, BIGINT, DOUBLE];
const TEXT_TYPES = [INTEGER, TIMESTAMP, TIMESTAMP, BIGINT, UTINYINT, VARCHAR, BLOB];

/** `items` of a vector is private in the types only; every other way makes an object a value (measured: 5 times slower). */
type RawVector<A> = {
  readonly items: A;
  readonly validity: { setItemValid(row: number, valid: boolean): void };
  flush(): void;
};

/** Appends rows to the table `point`, in chunks of typed arrays. Visible after `flushSync` and COMMIT. */
export function appendPoints(appender: DuckDBAppender, rows: PointRows): void {
  for (let from = 0; from < rows.count; from += CHUNK_ROWS) {
    const size = Math.min(CHUNK_ROWS, rows.count - from);
    const chunk = DuckDBDataChunk.create(POINT_TYPES, size);
    const series = rawVector<Int32Array>(chunk, 0);
    series.items.set(rows.series.subarray(from, from + size));
    series.flush();
    writeInt64(chunk, 1, rows.times, from, size);
    writeInt64(chunk, 2, rows.arrived, from, size);
    writeInt64(chunk, 3, rows.seqs, from, size);
    const values = rawVector<Float64Array>(chunk, 4);
    values.items.set(rows.values.subarray(from, from + size));
    for (let i = 0; i < size; i++) {
      if (Number.isNaN(values.items[i])) values.validity.setItemValid(i, false);
    }
    values.flush();
    appender.appendDataChunk(chunk);
  }
}

/** Appends rows to the table `text`. */
export function appendTexts(appender: DuckDBAppender, rows: readonly TextRow[]): void {
  for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
    const part = rows.slice(from, from + CHUNK_ROWS);
    const chunk = DuckDBDataChunk.create(TEXT_TYPES, part.length);
    const series = rawVector<Int32Array>(chunk, 0);
    const kinds = rawVector<Uint8Array>(chunk, 4);
    const texts = chunk.getColumnVector(5);
    const blobs = chunk.getColumnVector(6);
    const times = new Float64Array(part.length);
    const arrived = new Float64Array(part.length);
    const seqs = new Float64Array(part.length);
    part.forEach((row, i) => {
      series.items[i] = row.series;
      times[i] = row.timeUs;
      arrived[i] = row.arrivedUs;
      seqs[i] = row.seq;
      const { value } = row;
      if (value instanceof Uint8Array) {
        kinds.items[i] = KIND_BYTES;
        texts.setItem(i, null);
        blobs.setItem(i, blobValue(value));
      } else {
        const exact = typeof value !== 'string';
        kinds.items[i] = exact ? KIND_EXACT : KIND_TEXT;
        texts.setItem(i, exact ? value.exact : value);
        blobs.setItem(i, null);
      }
    });
    series.flush();
    writeInt64(chunk, 1, times, 0, part.length);
    writeInt64(chunk, 2, arrived, 0, part.length);
    writeInt64(chunk, 3, seqs, 0, part.length);
    kinds.flush();
    texts.flush();
    blobs.flush();
    appender.appendDataChunk(chunk);
  }
}

/**
 * Whole doubles into a 64-bit integer column, as two halves: a BigInt a value would cost more than all the rest.
 * Two's complement holds for times before 1970 too.
 */
function writeInt64(chunk: Chunk, column: number, values: Float64Array, from: number, size: number): void {
  const vector = rawVector<BigInt64Array>(chunk, column);
  const halves = new Int32Array(vector.items.buffer, vector.items.byteOffset, size * 2);
  for (let i = 0; i < size; i++) {
    const value = values[from + i]!;
    const high = Math.floor(value / 4_294_967_296);
    halves[2 * i] = value - high * 4_294_967_296;
    halves[2 * i + 1] = high;
  }
  vector.flush();
}

function rawVector<A>(chunk: Chunk, column: number): RawVector<A> {
  return chunk.getColumnVector(column) as unknown as RawVector<A>;
}
