import { afterEach, describe, expect, it } from 'vitest';
import { type ManualClock, manualClock, TurnMeter } from '../base/index.ts';
import type { Broker } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

let broker: Broker;
/** Of the meter: moves by itself with each look, as if everything took that long. */
let spent: ManualClock;
/** Of the broker. */
let clock: ManualClock;
let stepMs = 0;
afterEach(() => broker.close());

function slowBroker(): void {
  spent = manualClock();
  stepMs = 0;
  const moving = {
    ...spent,
    monotonicMs: () => {
      spent.advance(stepMs);
      return spent.monotonicMs();
    },
  };
  ({ broker, clock } = fakeBroker({ meter: new TurnMeter({ clock: moving }) }));
}

/** A PUBLISH of QoS 0 as bytes. */
const bytesOf = (topic: string, payload: string): Buffer =>
  Buffer.concat([
    Buffer.from([0x30, 2 + topic.length + payload.length, 0, topic.length]),
    Buffer.from(topic + payload),
  ]);
const numbered = (count: number): Buffer[] => Array.from({ length: count }, (_, n) => bytesOf('a', String(n)));
const payloads = (device: FakeDevice): string[] =>
  device.received.flatMap((packet) => (packet.type === 'publish' ? [Buffer.from(packet.payload).toString()] : []));
const inOrder = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));

async function pair(): Promise<[FakeDevice, FakeDevice]> {
  slowBroker();
  const receiver = await FakeDevice.connected(broker, { clientId: 'receiver' });
  receiver.subscribe('a', 0);
  const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
  return [receiver, sender];
}

describe('a turn that has used its time', () => {
  it('leaves the rest of a chunk for the next ones, and does not read its sender meanwhile', async () => {
    const [receiver, sender] = await pair();
    stepMs = 4;
    sender.connection.receive(Buffer.concat(numbered(1000)), Buffer.concat(numbered(1000)).length);
    expect(sender.paused).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(payloads(receiver).length).toBeLessThan(200);
    for (let turn = 0; turn < 100 && sender.paused; turn++) await new Promise((resolve) => setImmediate(resolve));
    await settled();
    expect(payloads(receiver)).toEqual(inOrder(1000));
    expect(sender.paused).toBe(false);
  });

  it('leaves what others send in it for the next ones, each in its order', async () => {
    const [receiver, sender] = await pair();
    const other = await FakeDevice.connected(broker, { clientId: 'other' });
    stepMs = 30;
    const [first, ...rest] = numbered(10);
    sender.connection.receive(first as Buffer, (first as Buffer).length);
    for (const bytes of rest) {
      other.connection.receive(bytes.subarray(0, 3), 3);
      other.connection.receive(bytes.subarray(3), bytes.length - 3);
    }
    expect(other.paused).toBe(true);
    for (let turn = 0; turn < 100 && other.paused; turn++) await new Promise((resolve) => setImmediate(resolve));
    await settled();
    expect(payloads(receiver)).toEqual(inOrder(10));
  });

  it('reads who brings little at once, and who brings much behind those that were put off before', async () => {
    const [receiver, sender] = await pair();
    const other = await FakeDevice.connected(broker, { clientId: 'other' });
    const light = await FakeDevice.connected(broker, { clientId: 'light' });
    const first = Buffer.concat(numbered(1000));
    const second = Buffer.concat(Array.from({ length: 4000 }, () => bytesOf('a', 'second')));
    stepMs = 4;
    sender.connection.receive(first, first.length); // cut, and put off
    await new Promise((resolve) => setImmediate(resolve));
    stepMs = 0; // time enough for everything
    clock.advance(spent.monotonicMs() - clock.monotonicMs());
    other.connection.receive(second, second.length);
    expect(other.paused).toBe(true);
    const little = bytesOf('a', 'little');
    light.connection.receive(little, little.length);
    expect(light.paused).toBe(false);
    await settled();
    const got = payloads(receiver);
    expect(got).toHaveLength(5001);
    expect(got.indexOf('little')).toBeLessThan(got.indexOf('999'));
    expect(got.indexOf('second')).toBeGreaterThan(got.indexOf('999'));
    expect(other.paused).toBe(false);
  });

  it('writes what others sent beside a flood before it reads on in that', async () => {
    const [receiver, sender] = await pair();
    const other = await FakeDevice.connected(broker, { clientId: 'other' });
    other.subscribe('b', 0);
    const first = Buffer.concat(numbered(1000));
    stepMs = 4;
    sender.connection.receive(first, first.length); // cut, and put off
    await new Promise((resolve) => setImmediate(resolve));
    stepMs = 0;
    clock.advance(spent.monotonicMs() - clock.monotonicMs());
    const before = payloads(receiver).length;
    const little = Buffer.concat([bytesOf('a', 'little'), bytesOf('b', 'little')]); // the flood's receiver is written to first
    other.connection.receive(little, little.length);
    const seen: number[] = [];
    other.received.push = (...packets) => {
      seen.push(payloads(receiver).length);
      return Array.prototype.push.apply(other.received, packets);
    };
    await settled();
    expect(payloads(other)).toEqual(['little']);
    expect(seen).toEqual([before + 1]);
    expect(payloads(receiver)).toHaveLength(1001);
  });

  it('writes to the rest of many receivers with the next ones', async () => {
    slowBroker();
    const receivers: FakeDevice[] = [];
    for (let n = 0; n < 200; n++) {
      const receiver = await FakeDevice.connected(broker, { clientId: `receiver${n}` });
      receiver.subscribe('a', 0);
      receivers.push(receiver);
    }
    await settled();
    stepMs = 7;
    const got = (): number => receivers.filter((receiver) => payloads(receiver).length === 1).length;
    const bytes = bytesOf('a', 'x');
    receivers[0]?.connection.receive(bytes, bytes.length);
    await new Promise((resolve) => setImmediate(resolve));
    expect(got()).toBeGreaterThan(0);
    expect(got()).toBeLessThan(200);
    for (let turn = 0; turn < 20 && got() < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(got()).toBe(200);
  });

  it('forgets what is left of a connection that is closed meanwhile', async () => {
    const [receiver, sender] = await pair();
    stepMs = 4;
    const bytes = Buffer.concat(numbered(1000));
    sender.connection.receive(bytes, bytes.length);
    sender.connection.onClosed();
    await settled();
    await settled();
    expect(payloads(receiver)).toEqual(inOrder(payloads(receiver).length));
  });

  it('only notes that peers have ended, and then goes on with a few of them a turn, in their order', async () => {
    slowBroker();
    const devices: FakeDevice[] = [];
    for (let n = 0; n < 200; n++) devices.push(await FakeDevice.connected(broker, { clientId: `c${n}` }));
    await settled();
    const ended: FakeDevice[] = [];
    for (const device of devices) {
      device.connection.ended(() => {
        ended.push(device);
        device.drop();
      });
    }
    expect(ended).toEqual([]);
    const turns: number[] = [];
    while (ended.length < devices.length && turns.length < 20) {
      const before = ended.length;
      await new Promise((resolve) => setImmediate(resolve));
      turns.push(ended.length - before);
    }
    expect(turns).toEqual([64, 64, 64, 8]);
    expect(ended).toEqual(devices);
    expect(broker.stats().connections).toBe(0);
  });

  it('is followed by no empty ones once all is done', async () => {
    slowBroker();
    const meter = new TurnMeter({ clock: spent });
    await broker.close();
    ({ broker } = fakeBroker({ meter }));
    const turns = (): number => meter.histogram.counts.reduce((sum, count) => sum + count, 0);
    const filler = await FakeDevice.connected(broker, { clientId: 'filler' });
    for (let n = 0; n < 1000; n++) filler.publish(`r/${n}`, 'x', 0, 0, true);
    const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
    reader.subscribe('#', 0);
    while (payloads(reader).length < 1000) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    const before = turns();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(turns()).toBe(before);
  });
});
