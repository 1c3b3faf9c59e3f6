import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import { createMemoryStore, type Store, type StoredMessage, storedBytes } from '../store/index.ts';
import { WILL_BYTES } from './store-pressure.ts';
import { principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';
import { acked, away, isWaiting, kept, made, publishBytes, qos0, writer } from './testing/fake-writer.ts';

/** A store on a disk that syncs when the test says so. */
function slowStore() {
  const memory = createMemoryStore();
  let unsynced = 0;
  let listener = (): void => {};
  let commits: (() => void)[] = [];
  let logBytes = 0;
  const store: Store = {
    ...memory,
    append(message: StoredMessage, targets) {
      unsynced += storedBytes(message);
      return memory.append(message, targets);
    },
    commit: () => new Promise((resolve) => void commits.push(resolve)),
    unsyncedBytes: () => unsynced,
    onSynced: (given) => {
      listener = given;
    },
    logBytes: () => logBytes,
  };
  const sync = async (left = 0): Promise<void> => {
    unsynced = left;
    const done = commits;
    commits = [];
    for (const resolve of done) resolve();
    listener();
    await settled();
  };
  const setLogBytes = (bytes: number): void => {
    logBytes = bytes;
  };
  return { store, sync, unsynced: () => unsynced, setLogBytes };
}

describe('while the disk is below its reserve', () => {
  it('what has to be kept is neither taken nor acknowledged, and goes on by itself, in order', async () => {
    const all = made();
    await away(all);
    const device = await writer(all);
    all.broker.diskIsLow(true);
    device.sendBytes(Buffer.concat([1, 2, 3].map((id) => publishBytes('t', `m${id}`, 1, id))));
    await settled();
    expect(acked(device)).toEqual([]);
    expect(all.broker.stats()).toMatchObject({ queued: 0, messagesIn: 0, publishersWaiting: 1 });
    all.broker.diskIsLow(false);
    await settled();
    expect(acked(device)).toEqual([1, 2, 3]);
    expect(all.broker.stats()).toMatchObject({ queued: 3, messagesIn: 3, publishersWaiting: 0 });
    const back = await FakeDevice.connected(all.broker, { ...kept, clientId: 'away' });
    await settled();
    expect(back.payloads).toEqual(['m1', 'm2', 'm3']);
  });

  it('what is sent again and again on new connections takes no room either', async () => {
    const all = made();
    await away(all);
    all.broker.diskIsLow(true);
    for (let i = 0; i < 20; i++) {
      const device = await writer(all);
      device.publish('t', 'x', 1);
      device.publish('t', 'y', 2, 2);
      await settled();
      expect(device.received.map(({ type }) => type)).toEqual(['connack']);
    }
    expect(all.broker.stats()).toMatchObject({ queued: 0, publishersWaiting: 1 });
    all.broker.diskIsLow(false);
    await settled();
    expect(all.broker.stats()).toMatchObject({ queued: 2, publishersWaiting: 0 });
  });

  it('what is recorded or retained waits also at QoS 0, and what is not goes on', async () => {
    const all = made();
    all.broker.diskIsLow(true);
    const reader = await FakeDevice.connected(all.broker, { version: 5, clientId: 'r' });
    reader.subscribe('#', 1);
    const free = await writer(all, 'free');
    free.publish('t', 'live', 0);
    free.publish('t', 'live 1', 1);
    const retaining = await writer(all, 'retaining');
    retaining.publish('t', 'kept', 0, 1, true);
    await settled();
    expect(reader.payloads).toEqual(['live', 'live 1']);
    expect(acked(free)).toEqual([1]);
    expect([isWaiting(free), isWaiting(retaining)]).toEqual([false, true]);
    retaining.drop();

    all.broker.record(qos0);
    const recorded = await writer(all, 'recorded');
    recorded.publish('t', 'x', 0);
    await settled();
    expect(isWaiting(recorded)).toBe(true);
    expect(reader.payloads).toHaveLength(2);
  });

  it('HTTP is told that there is no room, and reads and removals go on', async () => {
    const all = made();
    await away(all);
    const publish = (payload: string, retain: boolean, topic = 't') =>
      all.broker.publish('default', { topic, payload: Buffer.from(payload), qos: 1, retain }, principalOf('default'));
    await publish('kept', true, 'r');
    all.broker.diskIsLow(true);
    expect(await publish('x', false)).toMatchObject({ ok: false, reason: 'full' });
    expect(await publish('', true, 'r')).toEqual({ ok: true });
    expect(all.broker.stats().retained).toBe(0);
  });

  it('wills go out, and are bounded where they have to be kept [MQTT-3.1.2-8]', async () => {
    const all = made();
    await away(all, 'away', 'will/#');
    all.broker.diskIsLow(true);
    const payload = Buffer.alloc(64_000);
    const leave = async (topic: string, n: number): Promise<void> => {
      const will = { topic, qos: 1, retain: false, payload, properties: EMPTY_PROPERTIES } as const;
      (await FakeDevice.connected(all.broker, { version: 5, clientId: `w${n}`, will })).drop();
      await settled();
    };
    const most = Math.floor(WILL_BYTES / (payload.length + 2 * 'will/a'.length));
    for (let n = 0; n < most + 3; n++) await leave('will/a', n);
    expect(all.broker.stats()).toMatchObject({ queued: most, dropped: 3 });
    const reader = await FakeDevice.connected(all.broker, { version: 5, clientId: 'r' });
    reader.subscribe('free', 0);
    await leave('free', 99);
    expect(reader.payloads).toHaveLength(1); // it has not to be kept
    all.broker.diskIsLow(false);
    all.broker.diskIsLow(true);
    await leave('will/a', 100);
    expect(all.broker.stats().queued).toBe(most + 1);
  });

  it('a publisher that goes away while it waits is forgotten, with what it sent', async () => {
    const all = made();
    await away(all);
    all.broker.diskIsLow(true);
    const device = await writer(all);
    device.publish('t', 'x', 1);
    device.drop();
    all.broker.diskIsLow(false);
    await settled();
    expect(all.broker.stats()).toMatchObject({ queued: 0, publishersWaiting: 0 });
  });
});

describe("the recorder's queue at its bound", () => {
  it.each([
    ['maxRecorderQueueMessages', 5, 5],
    ['maxRecorderQueueBytes', 30, 5],
  ] as const)(
    'of %s takes no more: publishers are not acknowledged until a tenth of it is free',
    async (name, bound, taken) => {
      const all = made({ limits: { [name]: bound } });
      const queue = all.broker.record(qos0);
      const device = await writer(all);
      for (let id = 1; id <= 8; id++) {
        device.publish('topic', 'x', 1, id);
        await settled();
      }
      expect(acked(device)).toEqual([1, 2, 3, 4, 5]);
      expect(queue.depth().entries).toBe(taken);
      const other = await writer(all, 'other');
      other.publish('topic', 'y', 2, 1);
      await settled();
      expect(queue.depth().entries).toBe(taken);
      expect(all.reached[name]).toBe(1);
      // $-topics are not recorded.
      const free = await writer(all, 'free');
      free.publish('$own/x', 'z', 1, 1);
      await settled();
      expect(acked(free)).toEqual([1]);

      const page = await queue.read(0, 3, 1e6);
      queue.ackThrough(page.at(-1)?.number ?? 0);
      await settled();
      expect(queue.depth().entries).toBe(taken);
      queue.ackThrough((await queue.read(0, 100, 1e6)).at(-1)?.number ?? 0);
      await settled();
      expect(acked(device)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(other.of('pubrec')).toHaveLength(1);
    },
  );
});

describe('a disk that is behind', () => {
  it('holds those whose messages are kept, and lets them go on when half of it is synced', async () => {
    const disk = slowStore();
    const all = made({ store: disk.store, limits: { maxUnsyncedBytes: 1000 } });
    const connecting = away(all);
    await settled();
    await disk.sync();
    await connecting;
    await disk.sync();
    const device = await writer(all);
    const free = await writer(all, 'free');
    for (let id = 1; id <= 20; id++) {
      device.publish('t', 'x'.repeat(199), 1, id);
      await settled();
    }
    expect(disk.unsynced()).toBe(1200);
    expect([acked(device), isWaiting(device)]).toEqual([[], true]);
    expect(all.reached.maxUnsyncedBytes).toBe(1);
    free.publish('nobody', 'x', 0);
    free.publish('nobody', 'x', 1, 1);
    await settled();
    expect([acked(free), isWaiting(free)]).toEqual([[1], false]);
    await disk.sync(600);
    expect(isWaiting(device)).toBe(true);
    for (let i = 0; i < 5; i++) await disk.sync();
    expect(acked(device)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(isWaiting(device)).toBe(false);
  });

  it('within one turn takes little more than its bound', async () => {
    const disk = slowStore();
    const all = made({ store: disk.store, limits: { maxUnsyncedBytes: 1024 * 1024 } });
    all.broker.record(qos0);
    const device = await writer(all);
    const bytes = Buffer.concat(Array.from({ length: 400 }, (_, i) => publishBytes('t', 'x'.repeat(10_000), 1, i + 1)));
    device.sendBytes(bytes);
    expect(disk.unsynced()).toBeLessThan(2.2 * 1024 * 1024);
    for (let i = 0; i < 50; i++) await disk.sync();
    expect(acked(device)).toHaveLength(400);
  });

  it('leaves no more acknowledgements waiting than there are identifiers', async () => {
    const disk = slowStore();
    const all = made({ store: disk.store, limits: { maxWaitingAcks: 16 } });
    all.broker.record(qos0);
    const device = await writer(all);
    for (let id = 1; id <= 16; id++) device.publish('t', 'x', 1, id);
    expect(device.paused).toBe(true);
    expect(all.reached.maxWaitingAcks).toBe(1);
    await settled();
    await disk.sync();
    expect([acked(device).length, device.paused]).toEqual([16, false]);
  });
});

describe('the log at its bound', () => {
  it('keeps new messages out of queues, as their own bounds do', async () => {
    const disk = slowStore();
    const all = made({ store: { ...disk.store, commit: () => null }, limits: { maxLogBytes: 1000 } });
    await away(all);
    const device = await writer(all);
    device.publish('t', 'x', 1, 1);
    disk.setLogBytes(1001);
    all.wait(500);
    device.publish('t', 'y', 1, 2);
    await settled();
    expect(device.of('puback').map(({ reason }) => reason)).toEqual([0, Reason.quotaExceeded]);
    expect(all.reached.maxLogBytes).toBe(1);
    disk.setLogBytes(999);
    all.wait(500);
    device.publish('t', 'z', 1, 3);
    await settled();
    expect(device.of('puback').at(-1)?.reason).toBe(0);
  });
});

it('history gets no message before it is durable: a crash would take it back, and its publisher send it again', async () => {
  const disk = slowStore();
  const all = made({ store: disk.store });
  const queue = all.broker.record(qos0);
  const device = await writer(all);
  device.publish('t', 'x', 2, 1);
  let given = 0;
  void queue.read(0, 10, 1e6).then((entries) => {
    given = entries.length;
  });
  await settled();
  expect(given).toBe(0);
  await disk.sync();
  expect([given, device.of('pubrec').length]).toEqual([1, 1]);
});
