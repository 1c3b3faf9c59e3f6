import { statSync } from 'node:fs';
import type { DuckDBAppender } from '@duckdb/node-api';
import { messageOf } from '../../base/index.ts';
import { type DecodeLimits, decodePayload, numberFromBytes, textFromBytes, VALUE_FIELD } from '../decoders/index.ts';
import type { HistoryLimits } from '../options.ts';
import { type Batch, type Committed, type MessageColumns, nothingCut, qos0Source, queueSource } from '../protocol.ts';
import { covers, type Stretch } from '../stretches.ts';
import { appendPoints, appendTexts } from './append.ts';
import { type Catalog, count, OVERFLOW_TOPIC, type Series, type Topic } from './catalog.ts';
import { addPoint, createPointRows, type TextRow } from './columns.ts';
import type { Database } from './database.ts';
import { createPositions, readPositions } from './positions.ts';
import { literal } from './rows.ts';
import { createTopicTable } from './topic-table.ts';

/** Writes batches: decodes, appends, moves the positions and commits, all in one transaction. One at a time. */
export type Writer = {
  readonly positions: () => readonly Stretch[];
  /** Resolves when the batch is durable. Rejects when it is not, and nothing of it is; it may be sent again. */
  readonly write: (batch: Batch) => Promise<Committed>;
  /** Bytes of write-ahead log. */
  readonly walBytes: () => number;
  /** The last number of a committed row. */
  readonly seq: () => number;
  readonly close: () => void;
};

/** The transaction's fate is unknown and the database cannot say: the process must open it anew. */
export class WriterLost extends Error {}

/** Bytes of a payload that is kept in parts, and of each part. */
const LARGE_PAYLOAD = 8 * 1024 * 1024;

export type WriterOptions = {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly limits: HistoryLimits;
  readonly run: string;
  /** The last number that a row has. */
  readonly seq: number;
  readonly warn: (text: string, fields: Record<string, unknown>) => void;
};

export async function createWriter(options: WriterOptions): Promise<Writer> {
  const { database, catalog, limits, run, warn } = options;
  const connection = database.writer;
  const decodeLimits: DecodeLimits = {
    maxDepth: limits.maxJsonDepth,
    maxPaths: limits.maxPathsPerPayload,
    maxTextLength: limits.maxTextLength,
    maxFieldLength: 512,
  };
  const topics = createTopicTable(catalog);
  const rows = createPointRows();
  let texts: TextRow[] = [];
  let opened: Series[] = [];
  let seq = options.seq;
  let committedSeq = seq;
  let overflowSaid = false;
  let cut = nothingCut();

  // Batches of a broker that has ended never come again.
  await connection.run(`DELETE FROM position WHERE source LIKE 'qos0:%' AND source <> ${literal(qos0Source(run))}`);
  const positions = createPositions(await readPositions(connection));

  let points: DuckDBAppender = await connection.createAppender('point');
  let words: DuckDBAppender = await connection.createAppender('text');

  const seriesOf = (topic: Topic, field: string): Series | null => {
    const known = topic.fields.get(field);
    if (known !== undefined) return known;
    const series = catalog.open(topic, field);
    if (series !== null) opened.push(series);
    return series;
  };

  const addText = (series: Series, timeUs: number, arrivedUs: number, value: TextRow['value']): void => {
    texts.push({ series: series.id, timeUs, arrivedUs, seq, value });
  };

  /** The world has no series left for this topic: the payload is kept with its topic, where nothing is lost. */
  const overflow = (topic: Topic, payload: Uint8Array, start: number, end: number, arrivedUs: number): void => {
    const value = topic.fields.get(VALUE_FIELD);
    cut.maxSeries += 1;
    seq += 1;
    const text = textFromBytes(payload, start, end);
    if (value !== undefined) {
      addText(value, arrivedUs, arrivedUs, text ?? payload.slice(start, end));
      return;
    }
    if (!overflowSaid) {
      overflowSaid = true;
      warn('a world has as many series as it may: further ones are kept as text', {
        world: topic.world,
        topic: topic.name,
        maxSeries: limits.maxSeries,
        keptIn: OVERFLOW_TOPIC,
      });
    }
    const series = seriesOf(catalog.topic(topic.world, OVERFLOW_TOPIC), VALUE_FIELD)!;
    const kept =
      text === null
        ? { topic: topic.name, base64: Buffer.from(payload.subarray(start, end)).toString('base64') }
        : { topic: topic.name, payload: text };
    addText(series, arrivedUs, arrivedUs, JSON.stringify(kept));
  };

  /**
   * A payload that is too large to be one value in the database's memory is kept in parts: values of one time, in order,
   * which together are the payload.
   */
  const keepInParts = (topic: Topic, payload: Uint8Array, start: number, end: number, arrivedUs: number): void => {
    const series = seriesOf(topic, VALUE_FIELD) ?? seriesOf(catalog.topic(topic.world, OVERFLOW_TOPIC), VALUE_FIELD)!;
    const parts = partsOf(payload, start, end);
    const words = parts.map(([from, to]) => textFromBytes(payload, from, to));
    const isText = words.every((text) => text !== null);
    parts.forEach(([from, to], i) => {
      seq += 1;
      addText(series, arrivedUs, arrivedUs, isText ? words[i]! : payload.slice(from, to));
    });
  };

  const decode = (topic: Topic, payload: Uint8Array, start: number, end: number, arrivedUs: number): void => {
    if (end - start > LARGE_PAYLOAD) {
      keepInParts(topic, payload, start, end, arrivedUs);
      return;
    }
    const number = numberFromBytes(payload, start, end);
    if (!Number.isNaN(number)) {
      const series = topic.fields.get(VALUE_FIELD) ?? seriesOf(topic, VALUE_FIELD);
      if (series === null) {
        overflow(topic, payload, start, end, arrivedUs);
        return;
      }
      seq += 1;
      addPoint(rows, series.id, arrivedUs, arrivedUs, seq, number);
      return;
    }
    const decoded = decodePayload(payload, start, end, arrivedUs, decodeLimits, (bound) => {
      cut[CUT_AT[bound]] += 1;
    });
    for (const row of decoded) {
      for (const field of row.fields) {
        if (seriesOf(topic, field) !== null) continue;
        overflow(topic, payload, start, end, arrivedUs);
        return;
      }
    }
    for (const row of decoded) {
      seq += 1;
      const timeUs = row.timeUs ?? arrivedUs;
      for (let i = 0; i < row.fields.length; i++) {
        const series = topic.fields.get(row.fields[i]!)!;
        const value = row.values[i]!;
        if (typeof value === 'number') addPoint(rows, series.id, timeUs, arrivedUs, seq, value);
        else if (value === null) addPoint(rows, series.id, timeUs, arrivedUs, seq, Number.NaN);
        else addText(series, timeUs, arrivedUs, value);
      }
    }
  };

  /** Returns how many there were that `isDone` did not say of. */
  const decodeAll = (messages: MessageColumns, dictionary: number, isDone: (i: number) => boolean): number => {
    const table = topics.of(dictionary);
    const { payload, ends, arrived } = messages;
    let taken = 0;
    for (let i = 0; i < messages.count; i++) {
      if (isDone(i)) continue;
      taken += 1;
      const topic = table[messages.topics[i]!];
      if (topic === undefined) throw new Error(`a batch names topic ${messages.topics[i]} that was not sent`);
      decode(topic, payload, i === 0 ? 0 : ends[i - 1]!, ends[i]!, arrived[i]!);
    }
    return taken;
  };

  const seriesSql = (): string => {
    if (opened.length === 0) return '';
    const values = opened.map(
      ({ id, topic, field }) => `(${id}, ${topic.world}, ${sqlText(topic.name)}, ${sqlText(field)}, NULL)`,
    );
    return `INSERT INTO series VALUES ${values.join(',')};`;
  };

  const rollBack = async (moves: readonly Stretch[]): Promise<boolean> => {
    try {
      points.clear();
      words.clear();
      await connection.run('ROLLBACK').catch(() => {});
      points.closeSync();
      words.closeSync();
      points = await connection.createAppender('point');
      words = await connection.createAppender('text');
      const now = await readPositions(connection);
      return moves.every(({ source, first, last }) => covers(now, source, first, last));
    } catch (error) {
      throw new WriterLost(messageOf(error), { cause: error });
    }
  };

  const write = async (batch: Batch): Promise<Committed> => {
    topics.learn(batch.topics);
    const { qos0, queue } = batch;
    const moves: Stretch[] = [];
    rows.count = 0;
    texts = [];
    opened = [];
    cut = nothingCut();
    const firstSeq = seq;
    let messages = 0;

    try {
      if (qos0 !== null && qos0.number > positions.last(qos0Source(run))) {
        messages += decodeAll(qos0.messages, qos0.dictionary, () => false);
        moves.push({ source: qos0Source(run), first: 1, last: qos0.number });
      }
      if (queue !== null && queue.numbers.length > 0) {
        const source = queueSource(queue.incarnation);
        const before = positions.last(source);
        const { numbers } = queue;
        const isDone = (i: number): boolean => numbers[i]! <= before && positions.has(source, numbers[i]!);
        const taken = decodeAll(queue.messages, queue.dictionary, isDone);
        messages += taken;
        if (taken > 0) moves.push({ source, first: queue.since, last: numbers[numbers.length - 1]! });
      }
      if (moves.length > 0) {
        const sql = moves.map(positions.moveSql).join('');
        await connection.run('BEGIN');
        if (rows.count > 0) {
          appendPoints(points, rows);
          // COMMIT does not flush an appender: without this the position would move without its rows.
          points.flushSync();
        }
        if (texts.length > 0) {
          appendTexts(words, texts);
          words.flushSync();
        }
        await connection.run(`${seriesSql()}${sql}COMMIT`);
      }
    } catch (error) {
      // A rejected COMMIT may have committed all the same: only the position knows.
      const committed = moves.length > 0 && (await rollBack(moves));
      if (!committed) {
        catalog.forget(opened);
        seq = firstSeq;
        throw error;
      }
    }
    positions.moved(moves);
    committedSeq = seq;
    countAll();
    return {
      kind: 'committed',
      batch: batch.batch,
      messages,
      points: rows.count + texts.length,
      committedUs: Date.now() * 1000,
      cut,
      series: catalog.size(),
    };
  };

  const countAll = (): void => {
    for (let i = 0; i < rows.count; i++) {
      const value = rows.values[i]!;
      count(catalog.byId(rows.series[i]!), rows.times[i]!, Number.isNaN(value) ? null : value, false);
    }
    for (const row of texts) count(catalog.byId(row.series), row.timeUs, row.value, true);
  };

  return {
    positions: positions.all,
    write,
    walBytes: () => {
      try {
        return statSync(`${database.file}.wal`).size;
      } catch {
        return 0;
      }
    },
    seq: () => committedSeq,
    close: () => {
      points.closeSync();
      words.closeSync();
    },
  };
}

/** A path that is too long is so by its depth or its names: all that is one bound for people. */
const CUT_AT = {
  maxDepth: 'maxJsonDepth',
  maxPaths: 'maxJsonPaths',
  maxTextLength: 'maxJsonTextChars',
  maxFieldLength: 'maxJsonTextChars',
} as const;

/** Parts of at most `LARGE_PAYLOAD` bytes that do not cut a UTF-8 character. */
function partsOf(payload: Uint8Array, start: number, end: number): [from: number, to: number][] {
  const parts: [number, number][] = [];
  for (let from = start; from < end; ) {
    let to = Math.min(end, from + LARGE_PAYLOAD);
    // At most three bytes belong to the character that a cut would fall into.
    for (let back = 0; back < 3 && to < end && (payload[to]! & 0xc0) === 0x80; back++) to -= 1;
    parts.push([from, to]);
    from = to;
  }
  return parts;
}

/** A text as SQL that is safe whatever it holds; NUL cannot stand in a statement's text. */
function sqlText(text: string): string {
  if (!text.includes('\0')) return literal(text);
  return text.split('\0').map(literal).join(' || chr(0) || ');
}
