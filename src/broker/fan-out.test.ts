import { afterEach, describe, expect, it } from 'vitest';
import type { Broker } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice } from './testing/fake-device.ts';
import { slowMeter } from './testing/slow-meter.ts';

let broker: Broker;
afterEach(() => broker.close());

/** Each look at the clock of the meter takes so long: a turn is late after a few. */
let stepMs = 0;

function slowBroker(): void {
  stepMs = 0;
  ({ broker } = fakeBroker({ meter: slowMeter(() => stepMs) }));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function turnsUntil(isDone: () => boolean, most = 20_000): Promise<void> {
  for (let turns = 0; turns < most && !isDone(); turns++) await turn();
}

/** Acknowledges all that came and was not acknowledged yet. */
function acknowledge(device: FakeDevice, from: number): number {
  const came = device.of('publish');
  for (const { packetId, qos } of came.slice(from)) if (qos === 1) device.puback(packetId);
  return came.length;
}

async function manyReceivers(count: number, qos: 0 | 1 | 2, clean: boolean): Promise<FakeDevice[]> {
  const receivers: FakeDevice[] = [];
  for (let n = 0; n < count; n++) {
    const receiver = await FakeDevice.connected(broker, { clientId: `receiver${n}`, clean });
    receiver.subscribe('many', qos);
    receivers.push(receiver);
  }
  await turnsUntil(() => receivers.every((receiver) => receiver.of('suback').length === 1));
  return receivers;
}

const payloads = (device: FakeDevice): string[] => device.payloads;

describe('a message of QoS 1 for more receivers than a turn has time for', () => {
  it.each([
    ['sessions that end with their connections', true],
    ['sessions that stay', false],
  ])('reaches the rest of them in the next turns: %s', async (_, clean) => {
    slowBroker();
    const receivers = await manyReceivers(700, 1, clean);
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    stepMs = 2;
    sender.publish('many', 'one', 1, 1);
    const got = (): number => receivers.filter((receiver) => payloads(receiver).length === 1).length;
    await turn();
    expect(got()).toBeLessThan(700);
    await turnsUntil(() => got() === 700);
    expect(got()).toBe(700);
  });

  it('comes before those that were published behind it, to each of them [MQTT-4.6.0-6]', async () => {
    slowBroker();
    const receivers = await manyReceivers(600, 1, false);
    const senders: FakeDevice[] = [];
    for (let n = 0; n < 3; n++) senders.push(await FakeDevice.connected(broker, { clientId: `sender${n}` }));
    stepMs = 2;
    const expected: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (const [n, sender] of senders.entries()) {
        sender.publish('many', `${round}/${n}`, 1, round + 1);
        expected.push(`${round}/${n}`);
      }
      await turn();
    }
    const done = receivers.map(() => 0);
    await turnsUntil(() => {
      for (const [n, receiver] of receivers.entries()) done[n] = acknowledge(receiver, done[n] ?? 0);
      return done.every((count) => count === expected.length);
    });
    stepMs = 0;
    for (const receiver of receivers) {
      const came = payloads(receiver);
      expect(came.toSorted()).toEqual(expected.toSorted());
      for (let n = 0; n < 3; n++) {
        const ofOne = came.filter((text) => text.endsWith(`/${n}`));
        expect(ofOne).toEqual(ofOne.toSorted());
      }
      // And all receivers see the same order.
      expect(came).toEqual(payloads(receivers[0] as FakeDevice));
    }
    const isIdle = (): boolean => broker.clients('default').every(({ queued, inFlight }) => queued + inFlight === 0);
    await turnsUntil(isIdle);
    expect(isIdle()).toBe(true);
  });

  it('goes in pages to those whose window was full when their turn came', async () => {
    slowBroker();
    const receivers = await manyReceivers(600, 1, false);
    const narrow = await FakeDevice.connected(broker, {
      clientId: 'zz-narrow',
      version: 5,
      clean: false,
      properties: { receiveMaximum: 1, sessionExpiryInterval: 1000 },
    });
    narrow.subscribe('many', 1);
    await turn();
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    stepMs = 2;
    for (let n = 0; n < 6; n++) sender.publish('many', `${n}`, 1, n + 1);
    let done = 0;
    await turnsUntil(() => {
      done = acknowledge(narrow, done);
      return done === 6 && receivers.every((receiver) => payloads(receiver).length === 6);
    });
    expect(payloads(narrow)).toEqual(['0', '1', '2', '3', '4', '5']);
    for (const receiver of receivers) expect(payloads(receiver)).toEqual(payloads(narrow));
  });

  it('waits in the queue of those who went away meanwhile, and is sent once when they are back', async () => {
    slowBroker();
    const receivers = await manyReceivers(600, 1, false);
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    stepMs = 2;
    sender.publish('many', 'one', 1, 1);
    for (let turns = 0; turns < 4; turns++) await turn();
    for (const receiver of receivers) receiver.drop();
    const got = (devices: FakeDevice[]): string[][] => devices.map(payloads);
    for (let turns = 0; turns < 50; turns++) await turn();
    stepMs = 0;
    const back: FakeDevice[] = [];
    for (let n = 0; n < 600; n++) {
      back.push(await FakeDevice.connected(broker, { clientId: `receiver${n}`, clean: false }));
    }
    await turnsUntil(() => back.every((device) => payloads(device).length > 0));
    expect(got(back)).toEqual(receivers.map(() => ['one']));
    for (const [n, device] of back.entries()) {
      if (payloads(receivers[n] as FakeDevice).length === 1) expect(device.of('publish')[0]?.dup).toBe(true);
    }
  });

  it('waits for its turn where the receiver comes back meanwhile', async () => {
    slowBroker();
    const receivers = await manyReceivers(600, 1, false);
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    stepMs = 3;
    sender.publish('many', 'one', 1, 1);
    const last = receivers[599] as FakeDevice;
    expect(payloads(last)).toEqual([]);
    const back = new FakeDevice(broker);
    back.connect({ clientId: 'receiver599', clean: false }); // a take-over
    sender.publish('many', 'two', 1, 2);
    let done = 0;
    await turnsUntil(() => {
      done = acknowledge(back, done);
      return done === 2;
    });
    expect(payloads(last)).toEqual([]);
    expect(payloads(back)).toEqual(['one', 'two']);
  });

  it('is sent in other turns than those in which its receivers are made and found, where they are as many', async () => {
    slowBroker();
    const receivers = await manyReceivers(2000, 1, true);
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    const reached = (): number => receivers.filter((receiver) => payloads(receiver).length > 0).length;
    stepMs = 10;
    sender.publish('many', '1', 1, 1);
    sender.publish('many', '2', 1, 2);
    expect(broker.stats().publishersWaiting).toBe(1);
    expect(reached()).toBe(0);
    await turnsUntil(() => receivers.every((receiver) => payloads(receiver).length === 2));
    for (const receiver of receivers) expect(payloads(receiver)).toEqual(['1', '2']);
    await turnsUntil(() => sender.of('puback').length === 2);
    expect(sender.of('puback').map(({ packetId }) => packetId)).toEqual([1, 2]);
    // They stay known, so the next goes out at once.
    sender.publish('many', '3', 1, 3);
    expect(broker.stats().publishersWaiting).toBe(0);
    stepMs = 0;
    await turnsUntil(() => receivers.every((receiver) => payloads(receiver).length === 3));
    expect(sender.of('publish')).toEqual([]);
  });

  it('goes out though its receivers change with each turn', async () => {
    slowBroker();
    const receivers = await manyReceivers(2000, 1, true);
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    const changing = await FakeDevice.connected(broker, { clientId: 'changing' });
    stepMs = 10;
    sender.publish('many', 'x', 1, 1);
    let turns = 0;
    await turnsUntil(() => {
      turns += 1;
      if (turns % 2 === 0) changing.subscribe('many', 0);
      else changing.send({ type: 'unsubscribe', packetId: 9, filters: ['many'], properties: {} });
      return receivers.every((receiver) => payloads(receiver).length === 1);
    });
    for (const receiver of receivers) expect(payloads(receiver)).toEqual(['x']);
  });

  it('makes publishers wait while too many receivers wait for what goes to many, and nobody else', async () => {
    slowBroker();
    const receivers = await manyReceivers(2200, 1, true);
    const few = await FakeDevice.connected(broker, { clientId: 'few' });
    few.subscribe('few', 1);
    const senders: FakeDevice[] = [];
    for (let n = 0; n < 16; n++) senders.push(await FakeDevice.connected(broker, { clientId: `sender${n}` }));
    stepMs = 1000;
    for (const [n, sender] of senders.entries()) sender.publish('many', `${n}`, 1, 1);
    await turnsUntil(() => broker.stats().publishersWaiting > 0);
    expect(broker.stats().publishersWaiting).toBeGreaterThan(0);
    few.publish('few', 'it goes on', 1, 1);
    await turnsUntil(() => payloads(few).length === 1);
    expect(broker.stats().publishersWaiting).toBeGreaterThan(0);
    stepMs = 0;
    const done = receivers.map(() => 0);
    await turnsUntil(() => {
      for (const [n, receiver] of receivers.entries()) done[n] = acknowledge(receiver, done[n] ?? 0);
      return done.every((count) => count === senders.length);
    });
    expect(done.every((count) => count === senders.length)).toBe(true);
    await turnsUntil(() => senders.every(({ paused }) => !paused));
    expect(senders.every(({ paused }) => !paused)).toBe(true);
    expect(broker.stats().publishersWaiting).toBe(0);
  });
});
