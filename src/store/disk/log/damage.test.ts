import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { DiskStore } from '../disk-store.ts';
import { openSmall, storedMessage, targetOf } from '../testing/small-store.ts';
import { FIRST_RECORD, RECORD_HEADER, recordBytes } from './layout.ts';
import { decodeHeader, encodeHeader, type SegmentHeader, sealHeader } from './segment-header.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-damage-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(base, 'one-'));
});

const open = (): Promise<DiskStore> => openSmall(folder, { tableMs: 60_000 });

/** Messages `0` to `count - 1` of 400 bytes in the queue `q`, each its own commit; the last `together` of them in one write. */
async function fill(count: number, end: 'closed' | 'killed' = 'closed', together = 1): Promise<void> {
  const store = await open();
  const queue = store.openQueue('q');
  for (let n = 0; n < count; n++) {
    store.append(storedMessage(String(n), Buffer.alloc(400, n)), [targetOf(queue)]);
    const synced = store.commit();
    if (n <= count - together || n === count - 1) await synced;
  }
  const killed = mkdtempSync(join(base, 'killed-'));
  if (end === 'killed') cpSync(folder, killed, { recursive: true });
  await store.close();
  if (end === 'killed') folder = killed;
}

async function found(store: DiskStore): Promise<number[]> {
  const entries = await store.read(store.openQueue('q'), 0, 1e6, 1e12);
  return entries.map(({ message }) => Number(message.topic));
}

type Segment = { readonly path: string; readonly bytes: Buffer; readonly header: SegmentHeader };

/** The files of the log that hold a segment, in the order of their sequences. */
function segments(): Segment[] {
  const found: Segment[] = [];
  for (const name of readdirSync(join(folder, 'log'))) {
    const path = join(folder, 'log', name);
    const bytes = readFileSync(path);
    const header = decodeHeader(bytes);
    if (header !== null && typeof header !== 'number') found.push({ path, bytes, header });
  }
  return found.sort((a, b) => a.header.sequence - b.header.sequence);
}

/** Offsets of the records of a segment. */
function records(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = FIRST_RECORD; at < bytes.length; at += recordBytes(bytes.readUInt32LE(at))) {
    if (bytes.readUInt32LE(at) === 0) break;
    offsets.push(at);
  }
  return offsets;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('a log whose last write was cut short', () => {
  it('is not one whose last write had been synced for a while: damage in it is named, though nothing came behind it', async () => {
    const store = await openSmall(folder, { tableMs: 5 });
    const queue = store.openQueue('q');
    await store.commit();
    const data = join(folder, 'table', 'data.mdb');
    const written = (): bigint => statSync(data, { bigint: true }).mtimeNs;
    const settled = async (): Promise<void> => {
      for (let before = -1n; before !== written(); await new Promise((resolve) => setTimeout(resolve, 100))) {
        before = written();
      }
    };
    await settled();
    for (let n = 0; n < 10; n++) store.append(storedMessage(String(n), Buffer.alloc(400, n)), [targetOf(queue)]);
    await store.commit();
    await settled();
    const killed = mkdtempSync(join(base, 'killed-'));
    cpSync(folder, killed, { recursive: true });
    await store.close();
    folder = killed;
    const last = segments().at(-1);
    if (last === undefined) throw new Error('no segment');
    const fifth = last.bytes.indexOf(Buffer.alloc(400, 5));
    last.bytes[fifth + 7] = 6;
    writeFileSync(last.path, last.bytes);

    const again = await open();
    expect(again.damage).toHaveLength(1);
    expect(await found(again)).toEqual(upTo(10).filter((n) => n !== 5));
    await again.close();
  });

  it('has all before it, and no damage', async () => {
    await fill(10, 'killed');
    const [segment] = segments();
    if (segment === undefined) throw new Error('no segment');
    // From the middle of the last message on.
    const last = records(segment.bytes).at(-2) as number;
    segment.bytes.fill(0, last + RECORD_HEADER + 100);
    writeFileSync(segment.path, segment.bytes);
    const store = await open();
    expect(store.damage).toEqual([]);
    expect(await found(store)).toEqual(upTo(9));
    await store.close();
  });

  it('leaves out all behind the piece that a power cut took, and names no damage, then or later', async () => {
    await fill(10, 'killed', 4);
    const [segment] = segments();
    if (segment === undefined) throw new Error('no segment');
    // The last six records are the messages 7, 8 and 9, each with its end: 7 goes.
    const seventh = records(segment.bytes).at(-6) as number;
    segment.bytes.fill(0, seventh, seventh + RECORD_HEADER + 100);
    writeFileSync(segment.path, segment.bytes);
    for (let life = 1; life <= 3; life++) {
      const store = await open();
      expect(store.damage).toEqual([]);
      expect(await found(store)).toEqual(upTo(7));
      await store.close();
    }
  });

  it('leaves out a batch whose end is missing, however good its records are', async () => {
    await fill(10, 'killed');
    const [segment] = segments();
    if (segment === undefined) throw new Error('no segment');
    segment.bytes.fill(0, records(segment.bytes).at(-1));
    writeFileSync(segment.path, segment.bytes);
    const store = await open();
    expect(store.damage).toEqual([]);
    expect(await found(store)).toEqual(upTo(9));
    await store.close();
    // Also the next time, when the log has gone on behind it.
    const again = await open();
    expect(await found(again)).toEqual(upTo(9));
    await again.close();
  });
});

describe('a log that is damaged', () => {
  it('in the middle names the place, and has all the rest', async () => {
    await fill(10);
    const [segment] = segments();
    if (segment === undefined) throw new Error('no segment');
    // The queue, its batch's first message, its end; then a message and an end each.
    const third = records(segment.bytes)[1 + 2 * 2] as number;
    segment.bytes[third + RECORD_HEADER + 200] = (segment.bytes[third + RECORD_HEADER + 200] as number) ^ 1;
    writeFileSync(segment.path, segment.bytes);
    const store = await open();
    expect(store.damage).toHaveLength(1);
    expect(store.damage[0]).toMatchObject({ file: segment.path, count: 1, which: ['message 3'] });
    expect(store.damage[0]?.what).toContain(`from ${third} `);
    expect(await found(store)).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 9]);
    await store.close();
  });

  it('at the end of a segment that is not the last says so', async () => {
    await fill(60);
    const all = segments();
    expect(all.length).toBeGreaterThan(1);
    const [first] = all;
    if (first === undefined) throw new Error('no segment');
    const offsets = records(first.bytes);
    first.bytes.fill(0, offsets[offsets.length - 3]);
    writeFileSync(first.path, first.bytes);
    const store = await open();
    expect(store.damage.map(({ file, what }) => [file, what])).toEqual([
      [first.path, expect.stringMatching(/^its end cannot be read/)],
    ]);
    expect((await found(store)).length).toBeGreaterThan(55);
    await store.close();
  });

  it('by a segment that is gone says which', async () => {
    await fill(100);
    const all = segments();
    expect(all.length).toBeGreaterThan(2);
    unlinkSync(all[1]?.path as string);
    const store = await open();
    expect(store.damage.map(({ what }) => what)).toEqual(['segments 2 to 2 are missing before it']);
    await store.close();
  });

  it('in its header is not read as if it were whole', async () => {
    await fill(100);
    const all = segments();
    const second = all[1];
    if (second === undefined) throw new Error('no segment');
    second.bytes[20] = 0xff;
    writeFileSync(second.path, second.bytes);
    const store = await open();
    expect(store.damage.length).toBeGreaterThan(0);
    await store.close();
  });

  it('or newer than this Sonde is refused by name', async () => {
    await fill(1);
    const [segment] = segments();
    if (segment === undefined) throw new Error('no segment');
    const block = encodeHeader(segment.header);
    block.writeUInt32LE(9, 8);
    sealHeader(block);
    block.copy(segment.bytes);
    writeFileSync(segment.path, segment.bytes);
    await expect(open()).rejects.toThrow(/version 9/);
  });
});
