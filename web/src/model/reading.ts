import type { Preview } from './digest.ts';

/** A field of a payload: numbers as numbers, `null` as a gap mark, other things as text. */
export type Field = { readonly field: string; readonly value: number | string | null };

export type Reading = {
  /** One line for a column: figures first, else the text itself. */
  readonly summary: string;
  readonly fields: readonly Field[];
  /** The preview is shorter than the payload, so that its fields are not known from it. */
  readonly cut: boolean;
};

const EMPTY: Reading = { summary: '', fields: [], cut: false };
const MAX_FIELDS = 64;
const MAX_DEPTH = 8;
const encoder = new TextEncoder();

/** Reads a preview as the recorder would: a bare number is the field `value`, a JSON object gives a field a path. */
export function readPreview(preview: Pick<Preview, 'payload' | 'bytes' | 'binary'>): Reading {
  const { payload, bytes, binary } = preview;
  if (payload === null) return EMPTY;
  if (binary) return { summary: `binary, ${bytes} bytes`, fields: [], cut: false };
  if (bytes === 0) return { summary: 'empty', fields: [], cut: false };
  const cut = encoder.encode(payload).length < bytes;
  const trimmed = payload.trim();
  const json = cut ? undefined : parseJson(trimmed);
  if (json === undefined) {
    return { summary: trimmed, fields: cut ? [] : [{ field: 'value', value: trimmed }], cut };
  }
  const fields: Field[] = [];
  for (const row of isRows(json) ? json : [json]) walk(row, '', 0, fields);
  const last = [...new Map(fields.map((field) => [field.field, field])).values()];
  if (typeof json !== 'object' || json === null) return { summary: trimmed, fields: last, cut };
  const figures = last.filter((field) => typeof field.value === 'number');
  const shown = byInterest(figures);
  const summary = shown.map(({ field, value }) => `${field} ${String(value)}`).join('  ');
  return { summary: summary === '' ? trimmed : summary, fields: last, cut };
}

/** The field that stands for a topic where there is room for one: a measure rather than a number that only counts. */
export function primaryField(fields: readonly Field[]): Field | undefined {
  return byInterest(fields.filter((field) => typeof field.value === 'number'))[0];
}

/** Whether a field names or counts its samples and measures nothing. */
export function isBookkeeping(field: string): boolean {
  return /(^|[._\]])(id|seq|sequence|count|counter|ts|time|timestamp|uptime|n)$/i.test(field);
}

function byInterest(fields: readonly Field[]): readonly Field[] {
  return [...fields.filter((f) => !isBookkeeping(f.field)), ...fields.filter((f) => isBookkeeping(f.field))];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRows(json: unknown): json is readonly unknown[] {
  return Array.isArray(json) && json.length > 0 && json.every((item) => isRecord(item));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function walk(value: unknown, path: string, depth: number, out: Field[]): void {
  if (out.length >= MAX_FIELDS || depth > MAX_DEPTH) return;
  const field = path === '' ? 'value' : path;
  if (typeof value === 'number' || typeof value === 'string' || value === null) out.push({ field, value });
  else if (typeof value === 'boolean') out.push({ field, value: value ? 1 : 0 });
  else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) walk(item, `${path}[${at}]`, depth + 1, out);
  } else if (isRecord(value)) {
    for (const [key, item] of Object.entries(value)) walk(item, path === '' ? key : `${path}.${key}`, depth + 1, out);
  }
}
