import { randomUUID } from 'node:crypto';
import type { QueueId, Store, TableName } from '../port.ts';
import { MemoryQueue } from './memory-queue.ts';

/**
 * The store without a disk: it forgets everything when the process ends, and promises nothing, so `commit` has nothing to
 * wait for. Each one is an incarnation of its own.
 */
export function createMemoryStore(): Store {
  const queues = new Map<QueueId, MemoryQueue>();
  const byName = new Map<string, QueueId>();
  const names = new Map<QueueId, string>();
  let lastQueue = 0;
  const tables: Record<TableName, Map<string, Uint8Array>> = {
    session: new Map(),
    subscription: new Map(),
    retained: new Map(),
    exchange: new Map(),
  };
  let lastNumber = 0;

  return {
    incarnation: randomUUID(),
    origins: [],
    engine: 'memory',
    openQueue(name) {
      const known = byName.get(name);
      if (known !== undefined) return known;
      lastQueue += 1;
      queues.set(lastQueue, new MemoryQueue());
      names.set(lastQueue, name);
      byName.set(name, lastQueue);
      return lastQueue;
    },
    dropQueue(queue) {
      queues.delete(queue);
      byName.delete(names.get(queue) ?? '');
      names.delete(queue);
    },
    append(message, targets) {
      lastNumber += 1;
      for (const target of targets) queues.get(target.queue)?.append(lastNumber, message, target);
      return lastNumber;
    },
    ack: (queue, number) => queues.get(queue)?.ack(number),
    ackThrough: (queue, number) => queues.get(queue)?.ackThrough(number),
    ackedThrough: (queue) => queues.get(queue)?.ackedThrough ?? 0,
    sent(queue, { number, holder, packetId, qos }) {
      const found = queues.get(queue);
      if (found?.has(number)) found.inFlight.set(number, holder, packetId, qos);
    },
    inFlight: (queue) => queues.get(queue)?.inFlight.list() ?? [],
    read: async (queue, after, limit, maxBytes) => queues.get(queue)?.read(after, limit, maxBytes) ?? [],
    first: (queue, after) => queues.get(queue)?.first(after) ?? null,
    depth: (queue) => {
      const found = queues.get(queue);
      return { entries: found?.entries ?? 0, bytes: found?.bytes ?? 0 };
    },
    put: (table, key, value) => void tables[table].set(key, value),
    remove: (table, key) => void tables[table].delete(key),
    async *entries(table) {
      yield* tables[table];
    },
    commit: () => null,
    unsyncedBytes: () => 0,
    onSynced: () => {},
    logBytes: () => 0,
    close: async () => {},
  };
}
