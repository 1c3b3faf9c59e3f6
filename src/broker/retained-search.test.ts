import { afterEach, expect, it } from 'vitest';
import { createMemoryStore } from '../store/index.ts';
import type { Broker } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';
import { slowMeter } from './testing/slow-meter.ts';

let broker: Broker;
afterEach(() => broker.close());

const topicsOf = (device: FakeDevice): string[] =>
  device.received.flatMap((packet) => (packet.type === 'publish' ? [packet.topic] : [])).sort();

it('a search over retained messages pushes no topic out of those whose receivers are remembered', async () => {
  const store = createMemoryStore();
  ({ broker } = fakeBroker({ store }));
  const filler = await FakeDevice.connected(broker, { clientId: 'filler' });
  const topics = Array.from({ length: 50 }, (_, n) => `plant/${n}/temperature`).sort();
  for (const topic of topics) filler.publish(topic, '21.5', 0, 0, true);
  await settled();
  await broker.close();

  ({ broker } = fakeBroker({ store }));
  await broker.restore();
  const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
  expect(broker.stats()).toMatchObject({ retained: 50, cachedTopics: 0 });
  reader.subscribe('plant/#', 0);
  await settled();
  expect(topicsOf(reader)).toEqual(topics);
  expect(broker.stats().cachedTopics).toBe(0);
});

it('a search has its part of a turn once, although its receiver takes all of it at once', async () => {
  let stepMs = 0;
  ({ broker } = fakeBroker({ meter: slowMeter(() => stepMs) }));
  const filler = await FakeDevice.connected(broker, { clientId: 'filler' });
  for (let n = 0; n < 100; n++) filler.publish(`r/${n}`, 'x', 0, 0, true);
  const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
  stepMs = 3;
  reader.subscribe('r/#', 0);
  const got: number[] = [];
  for (let turns = 0; turns < 30 && topicsOf(reader).length < 100; turns++) {
    const before = topicsOf(reader).length;
    await new Promise((resolve) => setImmediate(resolve));
    got.push(topicsOf(reader).length - before);
  }
  expect(topicsOf(reader)).toHaveLength(100);
  // As many as between two looks at the clock, each of which finds the time used; the first turn began with the SUBSCRIBE.
  expect(Math.max(...got.slice(1))).toBeLessThanOrEqual(16);
});

it('what is retained while the search goes on comes once, and is hidden from nobody when the clock was stepped back', async () => {
  const { broker: own, clock } = fakeBroker();
  broker = own;
  const filler = await FakeDevice.connected(broker, { clientId: 'filler' });
  for (let n = 1000; n < 3000; n++) filler.publish(`r/${n}`, 'old', 0, 0, true);
  await settled();
  const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
  reader.subscribe('r/#', 0);
  clock.advance(5);
  for (let n = 1000; n < 3000; n++) filler.publish(`r/${n}`, 'new', 0, 0, true);
  for (let turns = 0; turns < 100; turns++) await settled();
  // Of the old ones those of the first slice, which went out before.
  expect(reader.payloads.filter((payload) => payload === 'old').length).toBeLessThanOrEqual(200);
  expect(reader.payloads.filter((payload) => payload === 'new')).toHaveLength(2000);
  expect(new Set(topicsOf(reader)).size).toBe(2000);
  const late = await FakeDevice.connected(broker, { clientId: 'late' });
  clock.stepWall(-3_600_000);
  late.subscribe('r/#', 0);
  for (let turns = 0; turns < 100; turns++) await settled();
  expect(late.payloads).toHaveLength(2000);
});
