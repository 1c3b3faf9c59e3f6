import type { TextCell } from './row-reader.ts';

/** Rows as they lie in an HDF5 file, with how many they are. */
export type RowPart = { readonly count: number; readonly bytes: ArrayBuffer };

/** Rows of `table`: int64 nanoseconds since 1970, then one double a column, NaN where the message had none. */
export type RowBuffer = {
  readonly begin: (timeUs: number) => void;
  readonly set: (column: number, value: number) => void;
  readonly full: () => boolean;
  /** What is there, without the row that is being filled unless `all`; null when there is nothing. */
  readonly take: (all: boolean) => RowPart | null;
};

/** Rows that come between two looks at `full`: a chunk of a result. */
const SLACK_ROWS = 2049;

export function createRowBuffer(columns: number, partBytes: number): RowBuffer {
  const words = columns + 1;
  const partRows = Math.max(1, Math.floor(partBytes / (words * 8)));
  let doubles: Float64Array;
  let halves: Int32Array;
  let count = 0;
  const renew = (): void => {
    doubles = new Float64Array((partRows + SLACK_ROWS) * words);
    halves = new Int32Array(doubles.buffer);
  };
  renew();

  return {
    begin: (timeUs) => {
      const at = count * words;
      count += 1;
      writeNanoseconds(halves, at * 2, timeUs);
      doubles.fill(Number.NaN, at + 1, at + words);
    },
    set: (column, value) => {
      doubles[(count - 1) * words + 1 + column] = value;
    },
    full: () => count >= partRows,
    take: (all) => {
      const rows = all ? count : count - 1;
      if (rows <= 0) return null;
      const bytes = doubles.buffer.slice(0, rows * words * 8) as ArrayBuffer;
      doubles.copyWithin(0, rows * words, count * words);
      count -= rows;
      return { count: rows, bytes };
    },
  };
}

/** Microseconds as int64 nanoseconds, little-endian: the product is beyond 2^53, so it is made in two halves. */
function writeNanoseconds(halves: Int32Array, at: number, us: number): void {
  const highUs = Math.floor(us / 4_294_967_296);
  const lowNs = (us - highUs * 4_294_967_296) * 1000;
  const carry = Math.floor(lowNs / 4_294_967_296);
  halves[at] = lowNs - carry * 4_294_967_296;
  halves[at + 1] = highUs * 1000 + carry;
}

/** Rows of `texts`: int64 nanoseconds, the field, the value; strings of a fixed length, filled up with NULs. */
export type TextBuffer = {
  readonly add: (timeUs: number, field: string, value: TextCell) => void;
  readonly full: () => boolean;
  /** A part of what is there; null when there is nothing left. */
  readonly take: () => RowPart | null;
  /** How many values were longer than their column. */
  readonly cut: () => number;
};

export function createTextBuffer(
  sizes: { readonly fieldBytes: number; readonly valueBytes: number },
  partBytes: number,
): TextBuffer {
  const rowBytes = 8 + sizes.fieldBytes + sizes.valueBytes;
  const partRows = Math.max(1, Math.floor(partBytes / rowBytes));
  let rows: { readonly timeUs: number; readonly field: Buffer; readonly value: Buffer }[] = [];
  let cut = 0;

  return {
    add: (timeUs, field, value) => {
      const text = Buffer.from(typeof value === 'string' ? value : Buffer.from(value).toString('base64'));
      if (text.length > sizes.valueBytes) cut += 1;
      rows.push({
        timeUs,
        field: Buffer.from(field).subarray(0, sizes.fieldBytes),
        value: text.subarray(0, wholeCharacters(text, sizes.valueBytes)),
      });
    },
    full: () => rows.length >= partRows,
    take: () => {
      if (rows.length === 0) return null;
      const part = rows.slice(0, partRows);
      rows = rows.slice(partRows);
      const bytes = new Uint8Array(part.length * rowBytes);
      const time = new Int32Array(2);
      part.forEach((row, i) => {
        writeNanoseconds(time, 0, row.timeUs);
        bytes.set(new Uint8Array(time.buffer), i * rowBytes);
        bytes.set(row.field, i * rowBytes + 8);
        bytes.set(row.value, i * rowBytes + 8 + sizes.fieldBytes);
      });
      return { count: part.length, bytes: bytes.buffer };
    },
    cut: () => cut,
  };
}

/** At most `most` bytes, without cutting a UTF-8 character. */
function wholeCharacters(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let end = most;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return end;
}
