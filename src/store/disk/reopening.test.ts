import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../memory/memory-store.ts';
import type { Store, StoredMessage } from '../port.ts';
import { openSmall } from './testing/small-store.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-reopening-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

type Step =
  | { readonly do: 'append'; readonly queues: readonly number[]; readonly bytes: number }
  | { readonly do: 'ack'; readonly queue: number; readonly nth: number }
  | { readonly do: 'ackThrough'; readonly queue: number; readonly nth: number }
  | { readonly do: 'send'; readonly queue: number; readonly nth: number }
  | { readonly do: 'drop'; readonly queue: number }
  | { readonly do: 'put'; readonly key: string; readonly value: string | null };

const queue = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      queues: fc.uniqueArray(queue),
      bytes: fc.nat({ max: 3000 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ack' as const), queue, nth: fc.nat({ max: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('send' as const), queue, nth: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ackThrough' as const), queue, nth: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), queue }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      key: fc.constantFrom('', 'a', 'b', 'x'.repeat(3000)),
      value: fc.option(fc.string()),
    }),
  },
);

/** Does the same to a store; queues go by their names, entries by their order. */
async function perform(store: Store, steps: readonly Step[]): Promise<void> {
  for (const each of steps) {
    if (each.do === 'append') {
      const targets = each.queues.map((n) => ({
        queue: store.openQueue(`q${n}`),
        maxQos: 1 as const,
        retainAsPublished: n === 1,
        subscriptionIdentifiers: n === 2 ? [7, 268_435_455] : [],
      }));
      store.append(messageOf(each.bytes), targets);
    } else if (each.do === 'put') {
      if (each.value === null) store.remove('retained', each.key);
      else store.put('retained', each.key, Buffer.from(each.value));
    } else if (each.do === 'drop') {
      store.dropQueue(store.openQueue(`q${each.queue}`));
    } else {
      const id = store.openQueue(`q${each.queue}`);
      const [entry] = (await store.read(id, 0, each.nth + 1, 1e9)).slice(-1);
      if (entry && each.do === 'send')
        store.sent(id, { number: entry.number, holder: store.openQueue('holder'), packetId: each.nth + 1, qos: 2 });
      else if (entry && each.do === 'ack') store.ack(id, entry.number);
      else if (entry) store.ackThrough(id, entry.number);
    }
  }
}

function messageOf(bytes: number): StoredMessage {
  return {
    world: bytes % 3,
    topic: `tö/${bytes}`,
    payload: Buffer.alloc(bytes, bytes),
    qos: 2,
    retain: bytes % 2 === 1,
    properties: bytes % 5 === 0 ? Buffer.from('props') : null,
    arrivedUs: 1_700_000_000_000_001 + bytes,
    expiresAtMs: null,
  };
}

async function stateOf(store: Store): Promise<unknown> {
  const queues = [];
  for (let n = 0; n < 4; n++) {
    const queue = store.openQueue(`q${n}`);
    const entries = await store.read(queue, 0, 1e6, 1e12);
    const sent = new Map(store.inFlight(queue).map(({ number, packetId, qos }) => [number, [packetId, qos]]));
    queues.push(
      entries.map(({ message, target, number }) => ({
        ...message,
        payload: Buffer.from(message.payload).toString('hex'),
        properties: message.properties && Buffer.from(message.properties).toString(),
        identifiers: target.subscriptionIdentifiers,
        as: target.retainAsPublished,
        sent: sent.get(number),
      })),
    );
  }
  const table: string[] = [];
  for await (const [key, value] of store.entries('retained')) table.push(`${key}=${Buffer.from(value)}`);
  return { queues, table: table.sort() };
}

describe('the store on disk, opened again', () => {
  it('has what was committed, whether it was closed or its files were found as they were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 12 }), { maxLength: 6 }), async (rounds) => {
        const folder = mkdtempSync(join(base, 'one-'));
        let disk = await openSmall(folder);
        const memory = createMemoryStore();
        for (const [i, steps] of rounds.entries()) {
          await perform(disk, steps);
          await perform(memory, steps);
          await disk.commit();
          const expected = await stateOf(memory);
          const found = mkdtempSync(join(base, 'crash-'));
          cpSync(folder, found, { recursive: true });
          const crashed = await openSmall(found);
          expect(crashed.damage).toEqual([]);
          expect(await stateOf(crashed)).toEqual(expected);
          await crashed.close();
          rmSync(found, { recursive: true });
          if (i % 2 === 0) {
            await disk.close();
            disk = await openSmall(folder);
          }
          expect(await stateOf(disk)).toEqual(expected);
        }
        await disk.close();
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 25 },
    );
  }, 120_000);
});
