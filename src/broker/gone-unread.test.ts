import { afterEach, describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES, encodePacket } from '../codec/index.ts';
import type { Broker } from './index.ts';
import { fakeBroker, openDoor, principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';
import { slowMeter } from './testing/slow-meter.ts';

let broker: Broker;
afterEach(() => broker.close());

const will = {
  topic: 'will',
  qos: 0,
  retain: false,
  payload: Buffer.from('gone'),
  properties: EMPTY_PROPERTIES,
} as const;
const PUBLISH = Buffer.from([0x30, 4, 0, 1, 0x61, 0x78]);
const DISCONNECT = Buffer.of(0xe0, 0);

async function watcher(): Promise<FakeDevice> {
  const device = await FakeDevice.connected(broker, { clientId: 'watcher' });
  device.subscribe('#', 0);
  return device;
}

const topics = (device: FakeDevice): string[] =>
  device.received.flatMap((packet) => (packet.type === 'publish' ? [packet.topic] : []));
const sends = (device: FakeDevice, ...packets: Buffer[]): void => device.sendBytes(Buffer.concat(packets));

describe('a connection that is closed before all that came on it was read', () => {
  it.each([true, false])('in a flood: it is read, and a good-bye in it counts (%s) [MQTT-3.14.4-3]', async (says) => {
    let stepMs = 0;
    ({ broker } = fakeBroker({ meter: slowMeter(() => stepMs) }));
    const seen = await watcher();
    const device = await FakeDevice.connected(broker, { clientId: 'd', will });
    stepMs = 4;
    sends(device, ...Array.from({ length: 100 }, () => PUBLISH), ...(says ? [DISCONNECT] : []));
    expect(device.paused).toBe(true);
    device.drop();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(topics(seen)).toEqual([...Array.from({ length: 100 }, () => 'a'), ...(says ? [] : ['will'])]);
    expect(broker.stats().connections).toBe(1);
  });

  it.each([true, false])('while it signs in: it is read once it is let in (%s), or not at all', async (mayIn) => {
    let answer = (): void => {};
    const access = {
      ...openDoor,
      authenticate: ({ username }: { readonly username: string | null }) =>
        username === null
          ? ({ ok: true, principal: principalOf('default') } as const)
          : new Promise<ReturnType<typeof openDoor.authenticate>>((resolve) => {
              answer = () =>
                resolve(
                  mayIn
                    ? { ok: true, principal: principalOf('default') }
                    : { ok: false, reason: 'bad-credentials', detail: '' },
                );
            }),
    } as typeof openDoor;
    ({ broker } = fakeBroker({ access }));
    const seen = await watcher();
    const device = new FakeDevice(broker);
    device.connect({ clientId: 'd', will, username: 'u' });
    sends(device, PUBLISH, PUBLISH, encodePacket({ type: 'pingreq' }, 4), DISCONNECT);
    await settled();
    device.drop();
    await settled();
    expect(topics(seen)).toEqual([]);
    answer();
    await settled();
    expect(topics(seen)).toEqual(mayIn ? ['a', 'a'] : []);
    expect(broker.stats().connections).toBe(1);
  });
});
