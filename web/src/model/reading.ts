import type { DecodedRow, DecodedValue } from '../../../src/history/decoders/index.ts';
import { decodePayload } from '../../../src/history/decoders/index.ts';
import type { PointValue } from './chart-columns.ts';
import type { Preview } from './digest.ts';
import { formatNumber } from './format.ts';

/** A field of a payload, as history gives it back: numbers as numbers, `null` as a gap mark, other things as text. */
export type Field = { readonly field: string; readonly value: PointValue };

/** A field that is a number. */
export type Figure = { readonly field: string; readonly value: number };

/** One row of a payload; most payloads have one. */
export type Row = { readonly atUs: number; readonly fields: readonly Field[] };

export type Reading = {
  /** One line for a column: figures first, else the text itself. */
  readonly summary: string;
  /** Each field with its last value. */
  readonly fields: readonly Field[];
  /** The numbers of a JSON payload, measures before counters; empty for a bare value. */
  readonly figures: readonly Figure[];
  readonly rows: readonly Row[];
  /** The preview is shorter than the payload, so that its fields are not known from it. */
  readonly cut: boolean;
};

const EMPTY: Reading = { summary: '', fields: [], figures: [], rows: [], cut: false };
const encoder = new TextEncoder();

/** Reads a preview with the recorder's own decoders, so that a live point has the field and the time of a stored one. */
export function readPreview(preview: Pick<Preview, 'payload' | 'bytes' | 'binary' | 'at'>): Reading {
  const { payload, bytes, binary, at } = preview;
  if (payload === null) return EMPTY;
  if (bytes === 0) return { ...EMPTY, summary: 'empty' };
  const utf8 = binary ? bytesOf(payload) : encoder.encode(payload);
  const cut = utf8.length < bytes;
  const text = binary ? `binary, ${bytes} bytes` : payload.trim();
  if (cut) return { ...EMPTY, summary: text, cut };
  const arrivedUs = at ?? 0;
  const rows = decodePayload(utf8, 0, utf8.length, arrivedUs).map((row) => rowOf(row, arrivedUs));
  const fields = [...new Map(rows.flatMap((row) => row.fields).map((field) => [field.field, field])).values()];
  const bare = fields.length === 1 && fields[0]?.field === 'value';
  const figures = bare ? [] : byInterest(numbersOf(fields));
  const summary = figures.map(({ field, value }) => `${field} ${formatNumber(value)}`).join('  ');
  return { summary: summary === '' ? text : summary, fields, figures, rows, cut };
}

/** The field that stands for a topic where there is room for one: a measure rather than a number that only counts. */
export function primaryField(fields: readonly Field[]): Figure | undefined {
  return byInterest(numbersOf(fields))[0];
}

/** Whether a field names or counts its samples and measures nothing. */
export function isBookkeeping(field: string): boolean {
  return /(^|[._\]])(id|seq|sequence|count|counter|ts|time|timestamp|uptime|n)$/i.test(field);
}

function numbersOf(fields: readonly Field[]): readonly Figure[] {
  return fields.flatMap(({ field, value }) => (typeof value === 'number' ? [{ field, value }] : []));
}

function byInterest(fields: readonly Figure[]): readonly Figure[] {
  return [...fields.filter((f) => !isBookkeeping(f.field)), ...fields.filter((f) => isBookkeeping(f.field))];
}

function rowOf(row: DecodedRow, arrivedUs: number): Row {
  const fields = row.fields.map((field, i) => ({ field, value: pointOf(row.values[i] ?? null) }));
  return { atUs: row.timeUs ?? arrivedUs, fields };
}

function pointOf(value: DecodedValue): PointValue {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  return value instanceof Uint8Array ? { base64: base64Of(value) } : value.exact;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
