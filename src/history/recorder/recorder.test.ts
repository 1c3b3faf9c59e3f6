import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { manualClock, nothingReached, silentLogger } from '../../base/index.ts';
import { HISTORY_DEFAULTS } from '../options.ts';
import { type Batch, nothingCut, qos0Source, queueSource } from '../protocol.ts';
import { createMemorySource } from '../testing/memory-source.ts';
import { createRecorder, type Recorder } from './recorder.ts';

const RUN = 'run-1';
const reached = nothingReached();

/** A recorder before a history process that does only what the test says. */
function rig(limits: Partial<typeof HISTORY_DEFAULTS> = {}) {
  const sent: Batch[] = [];
  const recorder = createRecorder({
    limits: { ...HISTORY_DEFAULTS, ...limits },
    run: RUN,
    clock: manualClock(),
    logger: silentLogger,
    reached,
    // What a real channel does: everything is copied at once.
    sink: { send: (batch) => void sent.push(structuredClone(batch)) },
  });
  return { recorder, sent };
}

const key = {};

function offer(recorder: Recorder, payload: string): boolean {
  const bytes = new TextEncoder().encode(payload);
  return recorder.intake.port.offer(key, 1, 'a', bytes, 0, bytes.length, 1);
}

function commit(recorder: Recorder, batch: Batch): void {
  const messages = (batch.qos0?.messages.count ?? 0) + (batch.queue?.messages.count ?? 0);
  const cut = { ...nothingCut(), maxJsonDepth: 2 };
  recorder.committed({
    kind: 'committed',
    batch: batch.batch,
    messages,
    points: messages,
    committedUs: 5,
    cut,
    series: 1,
  });
}

const payloads = (messages: { ends: Uint32Array; payload: Uint8Array } | undefined): string[] => {
  if (messages === undefined) return [];
  const text = new TextDecoder().decode(messages.payload);
  return Array.from(messages.ends, (end, i) => text.slice(i === 0 ? 0 : messages.ends[i - 1]!, end));
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('sends a message within the interval, and one batch at a time', async () => {
  const { recorder, sent } = rig();
  recorder.ready([]);
  offer(recorder, '1');
  expect(sent).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(payloads(sent[0]?.qos0?.messages)).toEqual(['1']);
  offer(recorder, '2');
  offer(recorder, '3');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toHaveLength(1);
  commit(recorder, sent[0]!);
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(payloads(sent[1]?.qos0?.messages)).toEqual(['2', '3']);
  expect(sent.map((batch) => batch.qos0?.number)).toEqual([1, 2]);
});

it('names a topic to the process once', async () => {
  const { recorder, sent } = rig();
  recorder.ready([]);
  for (const payload of ['1', '2']) {
    offer(recorder, payload);
    await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
    commit(recorder, sent.at(-1)!);
  }
  expect(sent.map((batch) => batch.topics.flatMap((part) => part.topics))).toEqual([['a'], []]);
});

it('acknowledges queue entries after their commit only, and reads on in pages', async () => {
  const { recorder, sent } = rig();
  const source = createMemorySource();
  const total = 40_000;
  for (let i = 1; i <= total; i++) source.add(1, 'q', String(i), i);
  recorder.attach(source);
  recorder.ready([]);
  let seen = 0;
  while (seen < total) {
    await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
    const batch = sent.at(-1)!;
    expect(source.acknowledged()).toBe(seen);
    expect(batch.queue?.numbers[0]).toBe(seen + 1);
    seen += batch.queue!.messages.count;
    commit(recorder, batch);
    expect(source.acknowledged()).toBe(seen);
  }
  expect(sent.length).toBeGreaterThan(2);
});

it('takes a queue that is full at once, and again when what was in flight is committed', async () => {
  const { recorder, sent } = rig();
  const source = createMemorySource('test-1', [], 0, 3);
  recorder.attach(source);
  recorder.ready([]);
  await vi.advanceTimersByTimeAsync(1);
  for (const text of ['1', '2']) source.add(1, 'q', text, 1);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toHaveLength(0);
  source.add(1, 'q', '3', 1);
  await vi.advanceTimersByTimeAsync(1);
  expect(payloads(sent[0]?.queue?.messages)).toEqual(['1', '2', '3']);
  // It fills again while that is under way: nothing more is sent until it is committed, and then it is not waited either.
  source.add(1, 'q', '4', 1);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toHaveLength(1);
  commit(recorder, sent[0]!);
  await vi.advanceTimersByTimeAsync(1);
  expect(payloads(sent[1]?.queue?.messages)).toEqual(['4']);
  commit(recorder, sent[1]!);
  // One that is not full waits for its interval.
  source.add(1, 'q', '5', 1);
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs - 10);
  expect(sent).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(20);
  expect(payloads(sent[2]?.queue?.messages)).toEqual(['5']);
});

it('sends the batch in flight again, the same, to the next process, with its topics', async () => {
  const { recorder, sent } = rig();
  const source = createMemorySource();
  source.add(1, 'q', 'x', 1);
  recorder.attach(source);
  recorder.ready([]);
  offer(recorder, '1');
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  recorder.gone();
  offer(recorder, '2');
  source.add(1, 'q', 'y', 2);
  await vi.advanceTimersByTimeAsync(5000);
  expect(sent).toHaveLength(1);
  recorder.ready([]);
  expect(sent).toHaveLength(2);
  expect(sent[1]).toEqual(sent[0]);
  expect(sent[1]?.topics.flatMap((part) => part.topics)).toEqual(['a', 'q']);
});

it('does not send again what the process that died had committed', async () => {
  const { recorder, sent } = rig();
  const source = createMemorySource('inc');
  source.add(1, 'q', 'x', 1);
  recorder.attach(source);
  recorder.ready([]);
  offer(recorder, '1');
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(sent).toHaveLength(1);
  recorder.gone();
  recorder.ready([
    { source: qos0Source(RUN), first: 1, last: 1 },
    { source: queueSource('inc'), first: 1, last: 1 },
  ]);
  expect(sent).toHaveLength(1);
  expect(source.acknowledged()).toBe(1);
  expect(recorder.state().messages).toBe(2);
  offer(recorder, '2');
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(payloads(sent[1]?.qos0?.messages)).toEqual(['2']);
});

it('takes positions of another incarnation for nothing', async () => {
  const { recorder, sent } = rig();
  const source = createMemorySource('restored');
  source.add(1, 'q', 'x', 1);
  recorder.attach(source);
  recorder.ready([{ source: queueSource('before'), first: 1, last: 500 }]);
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(sent[0]?.queue?.numbers).toEqual(Float64Array.of(1));
});

it('names messages of a restored store by the store that gave them their numbers, one of them a batch', async () => {
  const { recorder, sent } = rig();
  const source = createMemorySource('copy', [
    { incarnation: 'grandparent', upTo: 1 },
    { incarnation: 'parent', upTo: 3 },
  ]);
  for (let n = 1; n <= 5; n++) source.add(1, 'q', String(n), n);
  recorder.attach(source);
  recorder.ready([]);
  for (let n = 0; n < 3; n++) {
    await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
    commit(recorder, sent.at(-1)!);
  }
  expect(sent.map(({ queue }) => [queue?.incarnation, queue?.since, [...(queue?.numbers ?? [])]])).toEqual([
    ['grandparent', 1, [1]],
    ['parent', 2, [2, 3]],
    ['copy', 4, [4, 5]],
  ]);
  expect(source.acknowledged()).toBe(5);
});

it('tries a refused batch again after a pause, says why, and keeps what comes meanwhile', async () => {
  const { recorder, sent } = rig();
  recorder.ready([]);
  offer(recorder, '1');
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  recorder.refused(sent[0]!.batch, 'no space left on device');
  offer(recorder, '2');
  expect(recorder.state().refusal).toBe('no space left on device');
  await vi.advanceTimersByTimeAsync(1000);
  expect(payloads(sent[1]?.qos0?.messages)).toEqual(['1']);
  expect(sent[1]?.qos0?.number).toBe(1);
  commit(recorder, sent[1]!);
  expect(recorder.state().refusal).toBeNull();
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(payloads(sent[2]?.qos0?.messages)).toEqual(['2']);
});

it('crowds publishers when the process is away: by the buffer, and by the depth of the queue', async () => {
  const { recorder } = rig({ qos0BufferBytes: 10_000, queueHighBytes: 5000 });
  while (offer(recorder, 'x'.repeat(100))) expect(recorder.intake.held().bytes).toBeLessThanOrEqual(10_000);
  expect(recorder.intake.port.crowded()).toBe(true);

  const other = rig({ queueHighBytes: 5000 });
  const source = createMemorySource();
  other.recorder.attach(source);
  for (let i = 0; i < 40; i++) source.add(1, 'q', 'x'.repeat(100), i);
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(other.recorder.intake.port.crowded()).toBe(true);
  let room = 0;
  other.recorder.intake.port.onRoom(() => {
    room += 1;
  });
  other.recorder.ready([]);
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  commit(other.recorder, other.sent.at(-1)!);
  await vi.advanceTimersByTimeAsync(HISTORY_DEFAULTS.commitIntervalMs);
  expect(other.recorder.intake.port.crowded()).toBe(false);
  expect(room).toBe(1);
});

it('sends on when the queue cannot be read for a while', async () => {
  const { recorder, sent } = rig();
  const source = createMemorySource();
  let faults = 2;
  recorder.attach({
    ...source,
    read: (...args) => {
      faults -= 1;
      return faults >= 0 ? Promise.reject(new Error('disk')) : source.read(...args);
    },
  });
  source.add(1, 'q', 'x', 1);
  recorder.ready([]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(payloads(sent[0]?.queue?.messages)).toEqual(['x']);
});

it('flushes all there is when it stops, and says what could not be sent', async () => {
  const { recorder, sent } = rig();
  recorder.ready([]);
  offer(recorder, '1');
  const flushed = recorder.flush(1e9);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toHaveLength(1);
  commit(recorder, sent[0]!);
  await vi.advanceTimersByTimeAsync(100);
  expect(await flushed).toBe(true);
  offer(recorder, '2');
  recorder.gone();
  expect(recorder.close()).toEqual({ lostMessages: 1 });
});
