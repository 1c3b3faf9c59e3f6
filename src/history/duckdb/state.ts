import type { DuckDBConnection } from '@duckdb/node-api';
import type { DecodedValue } from '../decoders/index.ts';
import type { Catalog, Series } from './catalog.ts';
import { KIND_BYTES, KIND_EXACT, KIND_TEXT } from './columns.ts';
import { rowsOf } from './rows.ts';

/** Kinds of a last value in the snapshot, beside those of text rows. */
const KIND_NUMBER = -1;
const KIND_GAP = -2;

/** Reads the series and their figures: the snapshot, and only the rows after it counted again. Returns the last seq. */
export async function loadCatalog(connection: DuckDBConnection, catalog: Catalog): Promise<number> {
  for (const [id, world, topic, field, unit] of await rowsOf(
    connection,
    'SELECT id, world, topic, field, unit FROM series ORDER BY id',
  )) {
    catalog.load(Number(id), Number(world), String(topic), String(field), unit === null ? null : String(unit));
  }
  const states = await rowsOf(
    connection,
    'SELECT series, points::DOUBLE, texts::DOUBLE, first_us, last_us, kind, v, txt, bin FROM series_state',
  );
  for (const [id, points, texts, first, last, kind, v, txt, bin] of states) {
    const series = catalog.byId(Number(id));
    series.points = Number(points);
    series.texts = Number(texts);
    series.firstUs = Number(first);
    series.lastUs = Number(last);
    series.lastValue = storedValue(Number(kind), v, txt, bin);
  }
  const [from] = await rowsOf(connection, 'SELECT seq::DOUBLE FROM state_seq');
  let seq = Number(from?.[0] ?? 0);

  const late = await rowsOf(
    connection,
    `SELECT series, is_text, count(*)::DOUBLE, epoch_us(min(t))::DOUBLE, epoch_us(max(t))::DOUBLE, max(seq)::DOUBLE,
       arg_max({'kind': kind, 'v': v, 'txt': txt, 'bin': bin}, {'t': t, 'seq': seq}) AS last
     FROM (
       SELECT series, t, seq, false AS is_text, CASE WHEN v IS NULL THEN ${KIND_GAP} ELSE ${KIND_NUMBER} END AS kind, v,
         NULL::VARCHAR AS txt, NULL::BLOB AS bin FROM point WHERE seq > ${seq}
       UNION ALL
       SELECT series, t, seq, true, kind, NULL, left(txt, 1024), bin FROM text WHERE seq > ${seq}
     ) GROUP BY series, is_text`,
  );
  const lastSeqOf = new Map<Series, number>();
  const snapshotSeq = seq;
  for (const [id, isText, number, first, last, maxSeq, value] of late) {
    const series = catalog.byId(Number(id));
    if (isText === true) series.texts += Number(number);
    else series.points += Number(number);
    series.firstUs = Math.min(series.firstUs, Number(first));
    const lastUs = Number(last);
    const knownSeq = lastSeqOf.get(series) ?? snapshotSeq;
    if (lastUs > series.lastUs || (lastUs === series.lastUs && Number(maxSeq) > knownSeq)) {
      series.lastUs = lastUs;
      const entries = (value as { entries: Record<string, unknown> }).entries;
      series.lastValue = storedValue(Number(entries['kind']), entries['v'], entries['txt'], entries['bin']);
      lastSeqOf.set(series, Number(maxSeq));
    }
    series.dirty = true;
    seq = Math.max(seq, Number(maxSeq));
  }
  return seq;
}

/** Writes the figures that changed, together with the seq that they stand for, in one transaction. */
export async function saveCatalog(connection: DuckDBConnection, catalog: Catalog, seq: number): Promise<void> {
  const dirty = catalog.dirty();
  if (dirty.length === 0) return;
  await connection.run('BEGIN');
  try {
    await connection.run(
      'CREATE OR REPLACE TEMP TABLE changed (series INTEGER, points BIGINT, texts BIGINT, first_us DOUBLE, last_us DOUBLE, kind TINYINT, v DOUBLE, txt VARCHAR, bin BLOB)',
    );
    const appender = await connection.createAppender('changed', 'main', 'temp');
    for (const series of dirty) {
      const { lastValue } = series;
      appender.appendInteger(series.id);
      appender.appendBigInt(BigInt(series.points));
      appender.appendBigInt(BigInt(series.texts));
      appender.appendDouble(series.firstUs);
      appender.appendDouble(series.lastUs);
      appender.appendTinyInt(kindOf(lastValue));
      if (typeof lastValue === 'number') appender.appendDouble(lastValue);
      else appender.appendNull();
      if (typeof lastValue === 'string') appender.appendVarchar(lastValue);
      else if (isExact(lastValue)) appender.appendVarchar(lastValue.exact);
      else appender.appendNull();
      if (lastValue instanceof Uint8Array) appender.appendBlob(lastValue);
      else appender.appendNull();
      appender.endRow();
    }
    appender.flushSync();
    appender.closeSync();
    await connection.run(
      `DELETE FROM series_state WHERE series IN (SELECT series FROM changed);
       INSERT INTO series_state SELECT * FROM changed;
       UPDATE state_seq SET seq = ${seq};
       COMMIT`,
    );
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {});
    throw error;
  }
  for (const series of dirty) series.dirty = false;
}

function kindOf(value: DecodedValue): number {
  if (value === null) return KIND_GAP;
  if (typeof value === 'number') return KIND_NUMBER;
  if (typeof value === 'string') return KIND_TEXT;
  return value instanceof Uint8Array ? KIND_BYTES : KIND_EXACT;
}

function isExact(value: DecodedValue): value is { readonly exact: string } {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

function storedValue(kind: number, v: unknown, txt: unknown, bin: unknown): DecodedValue {
  switch (kind) {
    case KIND_NUMBER:
      return Number(v);
    case KIND_TEXT:
      return String(txt);
    case KIND_EXACT:
      return { exact: String(txt) };
    case KIND_BYTES:
      return (bin as { readonly bytes: Uint8Array }).bytes;
    default:
      return null;
  }
}
