import { describe, expect, it } from 'vitest';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const ALL = 65_535;
const MORE = 20;

describe('packet identifiers', () => {
  it('are all in use at once, and none is used again before it is free [MQTT-2.2.1-4, MQTT3-2.3.1-4]', async () => {
    const limits = { maxInflight: ALL, maxQueuedMessages: 2 * ALL };
    const { broker } = fakeBroker({ limits });
    const from = await FakeDevice.connected(broker, { clientId: 'from' });
    const kept = { clientId: 'to', clean: false };
    let to = await FakeDevice.connected(broker, kept);
    to.subscribe('t', 1);
    await settled();
    for (let n = 0; n < ALL + MORE; n++) {
      from.publish('t', String(n), 1);
      if (n % 1000 === 0) await settled();
    }
    await settled();
    const ids = () => to.of('publish').map(({ packetId }) => packetId);
    expect(to.of('publish')).toHaveLength(ALL);
    expect(new Set(ids()).size).toBe(ALL);
    expect(ids()).not.toContain(0);

    // One in the middle is free, but those before it are not: it is not used out of its turn.
    to.puback(5);
    await settled();
    expect(to.of('publish')).toHaveLength(ALL);
    to.puback(1);
    await settled();
    expect(ids().slice(ALL)).toEqual([1]);
    expect(to.payloads.at(-1)).toBe(String(ALL));
    for (const id of [4, 3, 2]) to.puback(id);
    await settled();
    expect(ids().slice(ALL)).toEqual([1, 2, 3, 4, 5]);

    // And all of them come again, with the identifiers that they had, in the order of the first time.
    const open = [...ids().slice(5, ALL), 1, 2, 3, 4, 5];
    to.drop();
    to = await FakeDevice.connected(broker, kept);
    await settled();
    expect(ids().slice(0, ALL)).toEqual(open);
    expect(to.of('publish').every(({ dup }) => dup)).toBe(true);
  });
});
