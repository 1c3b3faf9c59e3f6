import { randomUUID } from 'node:crypto';
import type { QueueId, Store, TableName } from '../port.ts';
import { MemoryQueue } from './memory-queue.ts';

/**
 * The store without a disk: it forgets everything when the process ends, and promises nothing, so `commit` has nothing to
 * wait for. Each one is an incarnation of its own.
 */
export function createMemoryStore(): Store {
  const queues: (MemoryQueue | null)[] = [];
  const byName = new Map<string, QueueId>();
  const names: string[] = [];
  const tables: Record<TableName, Map<string, Uint8Array>> = {
    session: new Map(),
    subscription: new Map(),
    retained: new Map(),
  };
  let lastNumber = 0;

  return {
    incarnation: randomUUID(),
    engine: 'memory',
    openQueue(name) {
      const known = byName.get(name);
      if (known !== undefined) return known;
      const id = queues.push(new MemoryQueue()) - 1;
      names[id] = name;
      byName.set(name, id);
      return id;
    },
    dropQueue(queue) {
      if (!queues[queue]) return;
      queues[queue] = null;
      byName.delete(names[queue] as string);
    },
    append(message, targets) {
      lastNumber += 1;
      for (const target of targets) queues[target.queue]?.append(lastNumber, message, target);
      return lastNumber;
    },
    ack: (queue, number) => queues[queue]?.ack(number),
    ackThrough: (queue, number) => queues[queue]?.ackThrough(number),
    read: async (queue, after, limit, maxBytes) => queues[queue]?.read(after, limit, maxBytes) ?? [],
    depth: (queue) => {
      const found = queues[queue];
      return { entries: found?.entries ?? 0, bytes: found?.bytes ?? 0 };
    },
    put: (table, key, value) => void tables[table].set(key, value),
    remove: (table, key) => void tables[table].delete(key),
    async *entries(table) {
      yield* tables[table];
    },
    commit: () => null,
    close: async () => {},
  };
}
