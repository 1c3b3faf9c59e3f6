import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueueTarget, Store, StoredMessage } from './port.ts';
import { storedBytes } from './stored-bytes.ts';

/** What every engine behind the port must do; an engine's own test calls it with a factory. */
export function storeContract(name: string, open: () => Promise<Store> | Store): void {
  describe(`${name} keeps the store's contract`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    const message = (payload: string): StoredMessage => ({
      world: 0,
      topic: 't',
      payload: Buffer.from(payload),
      qos: 1,
      retain: false,
      properties: null,
      arrivedUs: 1,
      expiresAtMs: null,
    });
    const target = (queue: number): QueueTarget => ({
      queue,
      maxQos: 1,
      retainAsPublished: false,
      subscriptionIdentifiers: [],
    });
    const payloads = async (queue: number, after = 0, limit = 100, maxBytes = 1e6): Promise<string[]> =>
      (await store.read(queue, after, limit, maxBytes)).map((entry) => Buffer.from(entry.message.payload).toString());

    it('gives each appended message a greater number and returns it from each of its queues in order', async () => {
      const a = store.openQueue('a');
      const b = store.openQueue('b');
      const first = store.append(message('1'), [target(a), target(b)]);
      const second = store.append(message('2'), [target(a)]);
      await store.commit();
      expect(second).toBeGreaterThan(first);
      expect(await payloads(a)).toEqual(['1', '2']);
      expect(await payloads(b)).toEqual(['1']);
      expect(store.depth(a)).toEqual({ entries: 2, bytes: 2 * storedBytes(message('1')) });
    });

    it('shows what was appended before the batch is committed', async () => {
      const queue = store.openQueue('a');
      store.append(message('1'), [target(queue)]);
      expect(await payloads(queue)).toEqual(['1']);
    });

    it('takes off single entries in any order, and ignores unknown numbers', async () => {
      const queue = store.openQueue('a');
      const numbers = ['1', '2', '3', '4'].map((text) => store.append(message(text), [target(queue)]));
      store.ack(queue, numbers[1] as number);
      store.ack(queue, numbers[1] as number);
      store.ack(queue, 999_999);
      expect(await payloads(queue)).toEqual(['1', '3', '4']);
      store.ack(queue, numbers[0] as number);
      expect(await payloads(queue)).toEqual(['3', '4']);
      expect(store.depth(queue)).toEqual({ entries: 2, bytes: 2 * storedBytes(message('3')) });
      expect(storedBytes({ ...message('abc'), topic: 'de', properties: Buffer.from('f') })).toBe(6);
    });

    it('tells the first entry after a number', () => {
      const queue = store.openQueue('a');
      expect(store.first(queue, 0)).toBeNull();
      const [one, two] = ['1', '22'].map((text) => store.append(message(text), [target(queue)])) as [number, number];
      expect(store.first(queue, 0)).toEqual({ number: one, bytes: 2 });
      expect(store.first(queue, one)).toEqual({ number: two, bytes: 3 });
      store.ack(queue, two);
      expect(store.first(queue, one)).toBeNull();
    });

    it('takes off everything up to a number', async () => {
      const queue = store.openQueue('a');
      const numbers = Array.from({ length: 3000 }, (_, i) => store.append(message(String(i)), [target(queue)]));
      store.ackThrough(queue, numbers[2997] as number);
      expect(await payloads(queue)).toEqual(['2998', '2999']);
      store.append(message('new'), [target(queue)]);
      expect(await payloads(queue, numbers[2998])).toEqual(['2999', 'new']);
      expect(store.ackedThrough(queue)).toBe(numbers[2997]);
      expect(store.ackedThrough(store.openQueue('b'))).toBe(0);
    });

    it('remembers what is in flight until it is taken off', async () => {
      const queue = store.openQueue('a');
      const holder = store.openQueue('b');
      const [one, two, three] = ['1', '2', '3'].map((text) => store.append(message(text), [target(queue)])) as [
        number,
        number,
        number,
      ];
      store.sent(queue, { number: three, holder, packetId: 65_535, qos: 2 });
      store.sent(queue, { number: one, holder: queue, packetId: 1, qos: 1 });
      store.sent(queue, { number: two, holder: queue, packetId: 2, qos: 1 });
      store.sent(queue, { number: two, holder, packetId: 3, qos: 2 });
      store.sent(queue, { number: 999_999, holder, packetId: 4, qos: 1 });
      await store.commit();
      expect(store.inFlight(queue)).toEqual([
        { number: one, holder: queue, packetId: 1, qos: 1 },
        { number: two, holder, packetId: 3, qos: 2 },
        { number: three, holder, packetId: 65_535, qos: 2 },
      ]);
      store.ack(queue, two);
      store.ackThrough(queue, one);
      expect(store.inFlight(queue)).toEqual([{ number: three, holder, packetId: 65_535, qos: 2 }]);
      expect(store.inFlight(holder)).toEqual([]);
    });

    it('reads in pages by count and by bytes, one entry at least', async () => {
      const queue = store.openQueue('a');
      for (const text of ['aaaa', 'bbbb', 'cccc']) store.append(message(text), [target(queue)]);
      expect(await payloads(queue, 0, 2)).toEqual(['aaaa', 'bbbb']);
      expect(await payloads(queue, 0, 9, 2 * storedBytes(message('aaaa')))).toEqual(['aaaa', 'bbbb']);
      expect(await payloads(queue, 0, 9, 1)).toEqual(['aaaa']);
    });

    it('opens the same queue by its name, and an empty one after it was dropped', async () => {
      const queue = store.openQueue('a');
      store.append(message('1'), [target(queue)]);
      expect(await payloads(store.openQueue('a'))).toEqual(['1']);
      store.dropQueue(queue);
      await store.commit();
      expect(await payloads(store.openQueue('a'))).toEqual([]);
    });

    it('keeps tables apart', async () => {
      store.put('retained', 'k', Buffer.from('v'));
      store.put('session', 'k', Buffer.from('w'));
      store.remove('session', 'k');
      await store.commit();
      const all = async (table: 'retained' | 'session'): Promise<string[]> => {
        const found: string[] = [];
        for await (const [key, value] of store.entries(table)) found.push(`${key}=${Buffer.from(value)}`);
        return found;
      };
      expect(await all('retained')).toEqual(['k=v']);
      expect(await all('session')).toEqual([]);
    });
  });
}
