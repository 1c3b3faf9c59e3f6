import { afterEach, expect, it } from 'vitest';
import { createMemoryStore } from '../store/index.ts';
import type { Broker } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

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
