import { afterEach, describe, expect, it } from 'vitest';
import { Histogram } from '../base/index.ts';
import { createMemoryStore } from '../store/index.ts';
import type { Broker } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';
import { AckTimes } from './timings.ts';

let broker: Broker;
afterEach(() => broker.close());

const count = (histogram: Histogram): number => histogram.counts.reduce((sum, one) => sum + one);

describe('the time to an acknowledgement', () => {
  it('is that of the turn where nothing has to be durable, a PUBLISH an observation', async () => {
    const fake = fakeBroker();
    ({ broker } = fake);
    const device = await FakeDevice.connected(broker);
    for (let id = 1; id <= 5; id++) device.publish('a', 'x', 1, id);
    fake.clock.advance(3);
    device.publish('a', 'x', 2, 6);
    device.publish('a', 'x', 0);
    fake.clock.advance(4);
    await settled();
    expect(device.of('puback')).toHaveLength(5);
    expect(count(broker.timings.acknowledged)).toBe(6);
    expect(broker.timings.acknowledged.sum).toBeCloseTo(5 * 0.007 + 0.004);
    device.send({ type: 'pubrel', packetId: 6, reason: 0, properties: {} });
    await settled();
    expect(count(broker.timings.acknowledged)).toBe(6);
    expect(count(broker.timings.committed)).toBe(0);
  });

  it('is that of the commit where it depends on one', async () => {
    let finish = (): void => {};
    let isSlow = false;
    const store = {
      ...createMemoryStore(),
      commit: () =>
        isSlow
          ? new Promise<void>((resolve) => {
              finish = resolve;
            })
          : null,
    };
    const fake = fakeBroker({ store });
    ({ broker } = fake);
    const keeper = await FakeDevice.connected(broker, { clientId: 'keeper', clean: false });
    keeper.subscribe('a', 1);
    keeper.drop();
    const device = await FakeDevice.connected(broker, { clientId: 'device' });
    await settled();
    isSlow = true;
    device.publish('a', 'x', 1);
    await settled();
    fake.clock.advance(200);
    expect([device.of('puback').length, count(broker.timings.acknowledged)]).toEqual([0, 0]);
    finish();
    await settled();
    expect(device.of('puback')).toHaveLength(1);
    expect([count(broker.timings.acknowledged), count(broker.timings.committed)]).toEqual([1, 1]);
    expect(broker.timings.acknowledged.sum).toBeCloseTo(0.2);
    expect(broker.timings.committed.sum).toBeCloseTo(0.2);
    isSlow = false; // for the end
  });
});

describe('times that are kept until the write', () => {
  it('are put together when they are close, and never with younger ones', () => {
    const times = new AckTimes();
    for (const cameMs of [10, 10.01, 10.04, 10.06, 20]) times.add(cameMs);
    const older = new AckTimes();
    older.add(5, 3);
    times.addAll(older);
    const histogram = new Histogram([0.005, 0.01, 0.02]);
    times.observe(histogram, 21);
    expect(histogram.counts).toEqual([1, 0, 7, 0]);
    expect(histogram.sum).toBeCloseTo(0.001 + 3 * 0.011 + (21 - 10.06) / 1000 + 3 * 0.016);
    expect(times.empty).toBe(true);
    times.observe(histogram, 30);
    expect(histogram.counts).toEqual([1, 0, 7, 0]);
  });
});

describe('the time in a queue', () => {
  it('is from arrival to sending, and none for what goes on at once', async () => {
    const fake = fakeBroker();
    ({ broker } = fake);
    const session = { clientId: 'keeper', clean: false };
    const keeper = await FakeDevice.connected(broker, session);
    keeper.subscribe('a', 1);
    const device = await FakeDevice.connected(broker, { clientId: 'device' });
    device.publish('a', 'at once', 1);
    await settled();
    keeper.puback(1);
    keeper.drop();
    device.publish('a', 'waits', 1);
    fake.clock.advance(30_000);
    const back = await FakeDevice.connected(broker, session);
    expect(back.payloads).toEqual(['waits']);
    expect(count(broker.timings.queued)).toBe(1);
    expect(broker.timings.queued.sum).toBeCloseTo(30);
  });

  it('is never below 0, also when the wall clock is stepped back', async () => {
    const fake = fakeBroker();
    ({ broker } = fake);
    const session = { clientId: 'keeper', clean: false };
    const keeper = await FakeDevice.connected(broker, session);
    keeper.subscribe('a', 1);
    keeper.drop();
    (await FakeDevice.connected(broker, { clientId: 'device' })).publish('a', 'waits', 1);
    fake.clock.stepWall(-3_600_000);
    await FakeDevice.connected(broker, session);
    expect([count(broker.timings.queued), broker.timings.queued.sum]).toEqual([1, 0]);
  });
});
