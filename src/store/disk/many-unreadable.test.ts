import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type LogFields, type Logger, silentLogger } from '../../base/index.ts';
import type { Damage } from './damage.ts';
import { FIRST_RECORD, RECORD_HEADER, recordBytes } from './log/layout.ts';
import { openSmall, storedMessage, targetOf } from './testing/small-store.ts';

/** A large bad area of the log: as many findings as there are messages in it. */
const base = mkdtempSync(join(tmpdir(), 'sonde-many-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const MESSAGES = 2500;
/** One segment holds all of them. */
const SEGMENT = 1024 * 1024;

let folder: string;
let lines: LogFields[];
const logger: Logger = {
  ...silentLogger,
  error: (fields, text) => {
    if (text.startsWith('the store is damaged')) lines.push(fields);
  },
};
const open = () => openSmall(folder, { logger, segmentBytes: SEGMENT, tableMs: 60_000 });

beforeEach(async () => {
  folder = mkdtempSync(join(base, 'one-'));
  lines = [];
});

/** Fills the queue `q` in one commit for two messages, so that many batches lie in the segment. */
async function fill(): Promise<void> {
  const store = await open();
  const queue = store.openQueue('q');
  for (let n = 0; n < MESSAGES; n++) {
    store.append(storedMessage('t', Buffer.alloc(40, n)), [targetOf(queue)]);
    if (n % 2 === 1) await store.commit();
  }
  await store.close();
}

/** Flips a bit in each message, or in every other one. */
function damage(every: 1 | 2): void {
  const [name = ''] = readdirSync(join(folder, 'log'));
  const path = join(folder, 'log', name);
  const bytes = readFileSync(path);
  let messages = 0;
  for (let at = FIRST_RECORD; bytes.readUInt32LE(at) > 0; at += recordBytes(bytes.readUInt32LE(at))) {
    if (bytes[at + 8] !== 1) continue;
    messages += 1;
    const place = at + RECORD_HEADER + 45;
    if (messages % every === 0) bytes[place] = (bytes[place] as number) ^ 1;
  }
  expect(messages).toBe(MESSAGES);
  writeFileSync(path, bytes);
}

/** What is written down. */
function found(): Damage[] {
  const text = readFileSync(join(folder, 'damaged', 'found.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Damage);
}

describe('thousands of messages that cannot be read', () => {
  it('found while they are delivered: some lines in the log, and every one in the file', async () => {
    await fill();
    const store = await open();
    damage(1);
    expect(await store.read(store.openQueue('q'), 0, 100, 1e9)).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines.map(({ findings }) => findings)).toEqual([...Array.from({ length: 10 }), 100, 1000]);
    const names = found().flatMap(({ which }) => which);
    expect(names).toHaveLength(MESSAGES);
    expect(new Set(names).size).toBe(MESSAGES);
    expect(found().length).toBeLessThan(MESSAGES / 10);
    expect(found().reduce((sum, { count }) => sum + (count ?? 0), 0)).toBe(MESSAGES);
    expect(store.damage).toMatchObject([{ what: 'messages that cannot be read', count: MESSAGES }]);
    await store.close();
  });

  it('found at a start: some lines in the log, and every place in the file', async () => {
    await fill();
    damage(2);
    const store = await open();
    expect(lines.map(({ findings }) => findings)).toEqual([...Array.from({ length: 10 }), 100, 1000]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(found()).toHaveLength(MESSAGES / 2);
    expect(store.damage.reduce((sum, { count }) => sum + (count ?? 0), 0)).toBe(MESSAGES / 2);
    const sound = await store.read(store.openQueue('q'), 0, MESSAGES, 1e9);
    expect(sound).toHaveLength(MESSAGES / 2);
    await store.close();
  });
});
