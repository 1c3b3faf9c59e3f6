import { afterEach, describe, expect, it } from 'vitest';
import type { Broker } from './index.ts';
import { type FakeBroker, fakeBroker, openDoor, principalOf } from './testing/fake-broker.ts';
import { FakeDevice } from './testing/fake-device.ts';
import { slowMeter } from './testing/slow-meter.ts';

let broker: Broker;
let wait: FakeBroker['wait'];
afterEach(() => broker.close());

/** Each look at the meter's clock takes so long. */
let stepMs = 0;

/** Who signs in with a name has its token. */
function slowBroker(): void {
  stepMs = 0;
  const access = {
    ...openDoor,
    authenticate: ({ username }: { username: string | null }) =>
      ({ ok: true, principal: principalOf('default', username ?? 'anonymous') }) as const,
  };
  ({ broker, wait } = fakeBroker({ access, meter: slowMeter(() => stepMs) }));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function turnsUntil(isDone: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1000 && !isDone(); turns++) await turn();
}

async function many(count: number, options: { keepAlive?: number; username?: string }): Promise<FakeDevice[]> {
  const devices: FakeDevice[] = [];
  for (let n = 0; n < count; n++) {
    const device = new FakeDevice(broker, 5);
    const properties = { sessionExpiryInterval: 100 };
    device.connect({ clientId: `c${n}`, version: 5, clean: false, properties, ...options });
    devices.push(device);
    if (n % 100 === 0) await turn();
  }
  await turnsUntil(() => devices.every((device) => device.of('connack').length === 1));
  return devices;
}

const closed = (devices: readonly FakeDevice[]): number => devices.filter((device) => device.closed).length;

describe('what is due for many at once takes several turns', () => {
  it('as keep-alives that have run out', async () => {
    slowBroker();
    const devices = await many(400, { keepAlive: 10 });
    stepMs = 1;
    wait(16_000);
    expect(closed(devices)).toBeLessThan(400);
    broker.tick(); // one pass at a time
    await turnsUntil(() => closed(devices) === 400);
    expect(closed(devices)).toBe(400);
    for (const device of devices) expect(device.of('disconnect')[0]?.reason).toBe(0x8d);
  });

  it('as sessions that have expired', async () => {
    slowBroker();
    for (const device of await many(400, {})) device.drop();
    stepMs = 1;
    wait(101_000);
    expect(broker.stats().sessions).toBeGreaterThan(0);
    await turnsUntil(() => broker.stats().sessions === 0);
    expect(broker.stats().sessions).toBe(0);
    expect(broker.traffic(null).sessionsExpired).toBe(400);
  });

  it('as connections that were closed', async () => {
    slowBroker();
    const devices = await many(400, {});
    stepMs = 1;
    for (const device of devices) device.drop();
    expect(broker.stats().connected).toBeGreaterThan(0);
    await turnsUntil(() => broker.stats().connected === 0);
    expect(broker.stats().connected).toBe(0);
    expect(broker.stats().sessions).toBe(400);
  });

  it('as clients whose right has ended, while their sessions are nobody’s any more at once', async () => {
    slowBroker();
    const devices = await many(400, { username: 'lab' });
    const other = await FakeDevice.connected(broker, { clientId: 'other' });
    (devices[399] as FakeDevice).drop();
    stepMs = 1;
    broker.expel('lab');
    expect(closed(devices)).toBeLessThan(400);
    // Made anew under the same name, before the turn of the old session has come.
    const back = new FakeDevice(broker, 5);
    const properties = { sessionExpiryInterval: 100 };
    back.connect({ clientId: 'c399', version: 5, clean: false, username: 'lab', properties });
    await turnsUntil(() => closed(devices) === 400 && back.of('connack').length === 1);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(back.of('connack')[0]?.sessionPresent).toBe(false);
    expect([back.closed, other.closed]).toEqual([false, false]);
    expect(broker.stats().sessions).toBe(2);
  });
});
