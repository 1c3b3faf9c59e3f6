import { Writable } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Engine, openEngine } from '../engine.ts';
import { FrameReader } from '../frames.ts';
import { HISTORY_DEFAULTS } from '../options.ts';
import { type Batch, type MessageColumns, qos0Source, queueSource } from '../protocol.ts';
import { removeFolder, temporaryFolder } from '../testing/rig.ts';

const RUN = 'run-1';
let folder: string;
let engine: Engine;

beforeEach(async () => {
  folder = temporaryFolder();
  engine = await open();
});
afterEach(async () => {
  await engine.close(false);
  removeFolder(folder);
});

const open = (run = RUN): Promise<Engine> =>
  openEngine(`${folder}/history.duckdb`, HISTORY_DEFAULTS, run, () => {}, pipe);

/** What the engine wrote of its answers. */
let written = '';
const frames = new FrameReader((_id, piece) => {
  written += Buffer.from(piece).toString();
});
const pipe = new Writable({
  write: (chunk: Buffer, _encoding, done) => {
    frames.read(chunk, chunk.length);
    done();
  },
});

function columns(payloads: readonly string[], topic = 0): MessageColumns {
  const bytes = payloads.map((payload) => new TextEncoder().encode(payload));
  let end = 0;
  return {
    count: payloads.length,
    topics: Uint32Array.from(payloads, () => topic),
    arrived: Float64Array.from(payloads, (_, i) => 1000 + i),
    ends: Uint32Array.from(bytes, (one) => (end += one.length)),
    payload: Buffer.concat(bytes),
  };
}

const topics: Batch['topics'] = [{ id: 1, from: 0, worlds: [1], topics: ['t'] }];

function buffered(number: number, payloads: readonly string[]): Batch {
  return {
    kind: 'batch',
    batch: number,
    topics,
    qos0: { number, dictionary: 1, messages: columns(payloads) },
    queue: null,
  };
}

function queued(incarnation: string, first: number, payloads: readonly string[]): Batch {
  const numbers = Float64Array.from(payloads, (_, i) => first + i);
  return {
    kind: 'batch',
    batch: 1,
    topics,
    qos0: null,
    queue: { incarnation, dictionary: 1, since: first, numbers, messages: columns(payloads) },
  };
}

async function values(): Promise<number[]> {
  const query = { world: 1, topic: 't', field: 'value', fromUs: null, toUs: null };
  written = '';
  await engine.answer(1, { name: 'points', query, limit: 1000 });
  const { points } = JSON.parse(written) as { points: [string, number][] };
  return points.map(([, value]) => value);
}

it('a batch of the buffer that comes twice is written once', async () => {
  expect(await engine.write(buffered(1, ['1', '2']))).toMatchObject({ messages: 2, points: 2 });
  expect(await engine.write(buffered(1, ['1', '2']))).toMatchObject({ messages: 0, points: 0 });
  expect(await engine.write(buffered(2, ['3']))).toMatchObject({ messages: 1 });
  expect((await values()).sort()).toEqual([1, 2, 3]);
  expect(engine.positions()).toEqual([{ source: qos0Source(RUN), first: 1, last: 2 }]);
});

it('so it is when the database was closed and opened in between, but a new run counts anew', async () => {
  await engine.write(buffered(1, ['1']));
  await engine.close(false);
  engine = await open();
  expect(await engine.write(buffered(1, ['1']))).toMatchObject({ messages: 0 });
  await engine.close(true);
  engine = await open('run-2');
  expect(engine.positions()).toEqual([]);
  expect(await engine.write(buffered(1, ['2']))).toMatchObject({ messages: 1 });
  expect((await values()).sort()).toEqual([1, 2]);
});

it('of a page of the queue only what is new is written, by its incarnation', async () => {
  await engine.write(queued('a', 10, ['10', '11']));
  expect(await engine.write(queued('a', 10, ['10', '11', '12', '13']))).toMatchObject({ messages: 2 });
  expect(await engine.write(queued('b', 1, ['1']))).toMatchObject({ messages: 1 });
  expect((await values()).sort((x, y) => x - y)).toEqual([1, 10, 11, 12, 13]);
  expect(engine.positions()).toEqual([
    { source: queueSource('a'), first: 10, last: 13 },
    { source: queueSource('b'), first: 1, last: 1 },
  ]);
});

it('of a page of the queue what another history had meanwhile is not taken for recorded, and a restart says the same', async () => {
  await engine.write(queued('a', 1, ['1', '2']));
  await engine.write(queued('a', 6, ['6', '7'])); // 3 to 5 went to another file
  await engine.close(false);
  engine = await open();
  expect(engine.positions()).toEqual([
    { source: queueSource('a'), first: 1, last: 2 },
    { source: queueSource('a'), first: 6, last: 7 },
  ]);
  expect(await engine.write(queued('a', 2, ['2', '3', '4', '5', '6', '7', '8']))).toMatchObject({ messages: 4 });
  expect((await values()).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(engine.positions()).toEqual([{ source: queueSource('a'), first: 1, last: 8 }]);
});

it('a database of version 1 is brought to this one, and keeps its positions', async () => {
  await engine.write(queued('a', 1, ['1', '2']));
  await engine.close(true);
  const old = await DuckDBInstance.create(`${folder}/history.duckdb`);
  const connection = await old.connect();
  await connection.run('ALTER TABLE position DROP COLUMN first; UPDATE sonde_format SET version = 1');
  connection.closeSync();
  old.closeSync();
  for (let start = 0; start < 2; start++) {
    engine = await open();
    expect(engine.positions()).toEqual([{ source: queueSource('a'), first: 1, last: 2 }]);
    if (start === 0) await engine.close(false);
  }
  expect(await engine.write(queued('a', 1, ['1', '2', '3']))).toMatchObject({ messages: 1 });
});

it('a batch that fails leaves no row, no position and no series, and may come again', async () => {
  const bad = buffered(1, ['{"x":1}', '5']);
  bad.qos0!.messages.topics[1] = 99;
  await expect(engine.write(bad)).rejects.toThrow('topic 99');
  expect(engine.positions()).toEqual([]);
  expect(await engine.write(buffered(1, ['5', '{"y":2}']))).toMatchObject({ messages: 2 });
  expect(await values()).toEqual([5]);
  const found = await engine.answer(1, { name: 'series', world: 1, filter: '#', limit: 10 });
  expect(found).toMatchObject({ fields: ['value', 'y'] });
});

it('figures after a crash are those of the rows, whether they were in the snapshot or came later', async () => {
  await engine.write(buffered(1, ['1', '2', 'text', 'null', '12345678901234567890']));
  await engine.close(true);
  engine = await open();
  await engine.write(buffered(2, ['{"value":7}', '8']));
  const ask = (): Promise<unknown> => engine.answer(1, { name: 'series', world: 1, filter: '#', limit: 10 });
  const before = await ask();
  // Without a checkpoint: what a kill leaves.
  await engine.close(false);
  engine = await open();
  expect(await ask()).toEqual(before);
  expect(before).toMatchObject({ counts: [7], firsts: [1000], lasts: [1004], lastValues: ['12345678901234567890'] });
});

it('rows that come after a restart have greater numbers than those before', async () => {
  await engine.write(buffered(1, ['1', '2']));
  await engine.close(false);
  engine = await open();
  // The same time as the first row: only the order of arrival tells them apart.
  await engine.write(buffered(2, ['3']));
  expect(await values()).toEqual([1, 3, 2]);
});
