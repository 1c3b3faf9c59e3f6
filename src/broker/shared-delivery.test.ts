import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';
import { acknowledgeAll, group, lasting, numbers, publish, publisher, waiting } from './testing/fake-group.ts';

const five = { version: 5 as const };

describe('a message of QoS 1 or 2 of a group', () => {
  it('waits in the group, not with a member: the first one that has room gets it', async () => {
    const made = fakeBroker({ limits: { maxInflight: 1 } });
    const [a, b] = await group(made, ['a', 'b']);
    await publish(await publisher(made), numbers(6));
    expect([a?.payloads, b?.payloads]).toEqual([['0'], ['1']]);
    for (let id = 1; id <= 4; id++) {
      b?.puback(id);
      await settled();
    }
    expect([a?.payloads, b?.payloads]).toEqual([['0'], ['1', '2', '3', '4', '5']]);
    expect(waiting(made)).toBe(2);
    await acknowledgeAll(a as FakeDevice, b as FakeDevice);
    expect(waiting(made)).toBe(0);
  });

  it('waits while all members are away, and goes in order to the first that comes', async () => {
    const made = fakeBroker();
    const members = await group(made, ['a', 'b'], { clean: false });
    for (const member of members) member.drop();
    await publish(await publisher(made), numbers(600));
    expect(made.broker.clients('default').map(({ queued }) => queued)).toEqual([0, 0, 0]);
    expect(waiting(made)).toBe(600);
    const back = await FakeDevice.connected(made.broker, { ...five, clientId: 'b', ...lasting(false) });
    await acknowledgeAll(back);
    expect(back.payloads).toEqual(numbers(600));
    expect(waiting(made)).toBe(0);
  });

  it('goes to a new member when all others are away', async () => {
    const made = fakeBroker();
    const [a] = await group(made, ['a'], { clean: false });
    a?.drop();
    await publish(await publisher(made), numbers(3));
    const [late] = await group(made, ['late']);
    expect(late?.payloads).toEqual(numbers(3));
  });

  it('of QoS 1 in flight goes to another member when the session ends, before newer ones and without DUP', async () => {
    const made = fakeBroker({ limits: { maxInflight: 4 } });
    const [a, b] = await group(made, ['a', 'b']);
    const writer = await publisher(made);
    await publish(writer, numbers(10));
    expect([a?.payloads, b?.payloads]).toEqual([
      ['0', '2', '4', '6'],
      ['1', '3', '5', '7'],
    ]);
    a?.puback(2); // '2' is done
    a?.drop();
    await settled();
    expect(b?.payloads).toHaveLength(4);
    await acknowledgeAll(b as FakeDevice);
    expect(b?.payloads.slice(4)).toEqual(['0', '4', '6', '8', '9']);
    expect(b?.of('publish').every(({ dup }) => !dup)).toBe(true);
    expect(waiting(made)).toBe(0);
  });

  it('of QoS 1 in flight waits for a persistent session to come back, and is sent again with DUP', async () => {
    const made = fakeBroker();
    const [a, b] = await group(made, ['a', 'b'], { clean: false });
    await publish(await publisher(made), numbers(4));
    a?.drop();
    await settled();
    expect(b?.payloads).toEqual(['1', '3']);
    const back = await FakeDevice.connected(made.broker, { ...five, clientId: 'a', ...lasting(false) });
    expect(back.of('publish').map(({ payload, dup }) => [payload.toString(), dup])).toEqual([
      ['0', true],
      ['2', true],
    ]);
    await acknowledgeAll(back, b as FakeDevice);
    expect(waiting(made)).toBe(0);
  });

  it.each(['expires', 'is cleared by a clean start', 'is ended by DISCONNECT'])(
    'of QoS 1 in flight goes to another member when a persistent session %s',
    async (how) => {
      const made = fakeBroker();
      const [a, b] = await group(made, ['a', 'b'], { clean: false });
      await publish(await publisher(made), numbers(4));
      if (how === 'is ended by DISCONNECT') {
        a?.send({ type: 'disconnect', reason: 0, properties: { sessionExpiryInterval: 0 } });
      } else a?.drop();
      if (how === 'expires') made.wait(1_001_000);
      if (how === 'is cleared by a clean start') await FakeDevice.connected(made.broker, { ...five, clientId: 'a' });
      await settled();
      expect(b?.payloads).toEqual(['1', '3', '0', '2']);
      await acknowledgeAll(b as FakeDevice);
      expect(waiting(made)).toBe(0);
    },
  );

  it('of QoS 2 in flight is completed to the same client when it comes back [MQTT-4.8.2-4]', async () => {
    const made = fakeBroker();
    const [a, b] = await group(made, ['a', 'b'], { qos: 2, clean: false });
    await publish(await publisher(made), numbers(4), 2);
    const send = (device: FakeDevice, type: 'pubrec' | 'pubcomp', packetId: number): void =>
      device.send({ type, packetId, reason: 0, properties: EMPTY_PROPERTIES });
    send(a as FakeDevice, 'pubrec', 1);
    await settled();
    a?.drop();
    await settled();
    expect(b?.payloads).toEqual(['1', '3']);
    const back = await FakeDevice.connected(made.broker, { ...five, clientId: 'a', ...lasting(false) });
    expect(back.of('pubrel').map(({ packetId }) => packetId)).toEqual([1]);
    expect(back.of('publish').map(({ payload, dup }) => [payload.toString(), dup])).toEqual([['2', true]]);
    send(back, 'pubcomp', 1);
    send(back, 'pubrec', 2);
    send(back, 'pubcomp', 2);
    await settled();
    expect(waiting(made)).toBe(2); // those of b
  });

  it('of QoS 2 in flight goes to nobody else when the session ends [MQTT-4.8.2-5]', async () => {
    const made = fakeBroker();
    const [a, b] = await group(made, ['a', 'b'], { qos: 2, clean: false });
    await publish(await publisher(made), numbers(4), 2);
    a?.drop();
    made.wait(1_001_000);
    await settled();
    expect(b?.payloads).toEqual(['1', '3']);
    expect(waiting(made)).toBe(2);
  });

  it('of QoS 2 that was not sent yet goes to another member', async () => {
    const made = fakeBroker({ limits: { maxInflight: 1 } });
    const [a, b] = await group(made, ['a', 'b'], { qos: 2 });
    await publish(await publisher(made), numbers(3), 2);
    a?.drop();
    await settled();
    for (const type of ['pubrec', 'pubcomp'] as const) {
      b?.send({ type, packetId: 1, reason: 0, properties: EMPTY_PROPERTIES });
    }
    await settled();
    expect(b?.payloads).toEqual(['1', '2']);
  });

  it.each([
    [1, 'puback'],
    [2, 'pubrec'],
  ] as const)('of QoS %i that a member refuses by %s goes to nobody else [MQTT-4.8.2-6]', async (qos, type) => {
    const made = fakeBroker();
    const [a, b] = await group(made, ['a', 'b'], { qos });
    await publish(await publisher(made), ['x'], qos);
    a?.send({ type, packetId: 1, reason: 0x83, properties: EMPTY_PROPERTIES });
    a?.drop();
    await settled();
    expect(b?.payloads).toEqual([]);
    expect(waiting(made)).toBe(0);
  });

  it('in flight to a client that unsubscribes is completed to it [MQTT-3.10.4-3], and goes on when it ends', async () => {
    const made = fakeBroker();
    const [a, b] = await group(made, ['a', 'b']);
    await publish(await publisher(made), numbers(4));
    a?.send({ type: 'unsubscribe', packetId: 2, filters: ['$share/g/t'], properties: {} });
    a?.puback(1);
    await settled();
    expect(waiting(made)).toBe(3);
    a?.drop();
    await settled();
    expect(b?.payloads).toEqual(['1', '3', '2']);
  });

  it('in flight of a group that has ended belongs to nobody: a new one of the same name does not get it', async () => {
    const made = fakeBroker();
    const [a] = await group(made, ['a']);
    await publish(await publisher(made), ['old']);
    a?.send({ type: 'unsubscribe', packetId: 2, filters: ['$share/g/t'], properties: {} });
    const [b] = await group(made, ['b']);
    a?.puback(1);
    a?.drop();
    await settled();
    expect(b?.payloads).toEqual([]);
    expect(waiting(made)).toBe(0);
  });

  it('goes to the new connection of a member whose session is taken over', async () => {
    const made = fakeBroker();
    await group(made, ['a'], { clean: false });
    const writer = await publisher(made);
    await publish(writer, ['1']);
    const second = await FakeDevice.connected(made.broker, { ...five, clientId: 'a', ...lasting(false) });
    await publish(writer, ['2']);
    expect(second.payloads).toEqual(['1', '2']);
  });

  it('beyond its interval is given to nobody: met or swept while it waits, and given back [MQTT-3.3.2-5]', async () => {
    const made = fakeBroker({ limits: { maxInflight: 1 } });
    const [a, b] = await group(made, ['a', 'b']);
    const writer = await FakeDevice.connected(made.broker, { ...five, clientId: 'writer' });
    const send = (text: string, messageExpiryInterval: number): void =>
      writer.send({
        type: 'publish',
        topic: 't',
        payload: Buffer.from(text),
        qos: 1,
        retain: false,
        dup: false,
        packetId: 1,
        properties: { messageExpiryInterval },
      });
    for (const text of ['a gets it', 'b gets it']) send(text, 2);
    send('waits too long', 2);
    send('waits', 60);
    await settled();
    expect(waiting(made)).toBe(4);
    made.wait(3000); // a tick sweeps what waits
    await settled();
    expect(waiting(made)).toBe(3);
    a?.drop();
    await settled();
    await acknowledgeAll(b as FakeDevice);
    expect(b?.payloads).toEqual(['b gets it', 'waits']);
    expect(b?.of('publish')[1]?.properties.messageExpiryInterval).toBe(57); // [MQTT-3.3.2-6]
    expect(made.broker.stats()).toMatchObject({ queued: 0, messagesExpired: 2 });
  });

  it('goes, with all that others gave back, in the order of publishing', async () => {
    const made = fakeBroker({ limits: { maxInflight: 2 } });
    const [a, b, c] = await group(made, ['a', 'b', 'c']);
    await publish(await publisher(made), numbers(8));
    b?.drop();
    a?.drop();
    await settled();
    await acknowledgeAll(c as FakeDevice);
    expect(c?.payloads).toEqual(['2', '5', '0', '1', '3', '4', '6', '7']);
  });

  it('that is given back while the queue is being read goes before what is read', async () => {
    const made = fakeBroker({ limits: { maxInflight: 1 } });
    const [a, b] = await group(made, ['a', 'b']);
    await publish(await publisher(made), numbers(4));
    b?.puback(1);
    a?.drop(); // in the same turn
    await settled();
    await acknowledgeAll(b as FakeDevice);
    expect(b?.payloads).toEqual(['1', '0', '2', '3']);
  });

  it('that comes while the queue is found empty is not overlooked', async () => {
    const made = fakeBroker({ limits: { maxInflight: 1 } });
    const [a] = await group(made, ['a']);
    const writer = await publisher(made);
    await publish(writer, numbers(2));
    a?.puback(1);
    await settled();
    a?.puback(2);
    await publish(writer, ['2']); // in the same turn
    expect(a?.payloads).toEqual(numbers(3));
  });

  it('comes when a member has caught up with its own queue, also when nothing else happens then', async () => {
    const made = fakeBroker({ limits: { maxInflight: 1 } });
    const [a] = await group(made, ['a'], { clean: false });
    a?.subscribe('own', 1);
    const writer = await publisher(made);
    for (const id of [101, 102]) writer.publish('own', `own ${id}`, 1, id);
    await publish(writer, ['shared']);
    await acknowledgeAll(a as FakeDevice);
    expect(a?.payloads).toEqual(['own 101', 'own 102', 'shared']);
  });

  it('is dropped and counted when the queue of the group is at its bound', async () => {
    const made = fakeBroker({ limits: { maxQueuedMessages: 10 } });
    const [a] = await group(made, ['a'], { clean: false });
    a?.drop();
    await publish(await publisher(made), numbers(15));
    expect(made.broker.stats()).toMatchObject({ queued: 10, dropped: 5 });
    const back = await FakeDevice.connected(made.broker, { ...five, clientId: 'a', ...lasting(false) });
    await acknowledgeAll(back);
    expect(back.payloads).toEqual(numbers(10));
  });

  it('slows its publisher down while all members take no bytes', async () => {
    const made = fakeBroker({ limits: { maxOutputBytes: 1000 } });
    const [a] = await group(made, ['a']);
    const device = a as FakeDevice;
    device.reading = false;
    const writer = await publisher(made);
    await publish(writer, ['x'.repeat(2000), 'y']);
    expect(writer.paused).toBe(true);
    device.readAgain();
    await settled();
    expect(writer.paused).toBe(false);
    expect(device.payloads).toEqual(['x'.repeat(2000), 'y']);
  });
});

type Step = {
  readonly do:
    | 'publish'
    | 'acknowledge'
    | 'drop'
    | 'end'
    | 'connect'
    | 'unsubscribe'
    | 'stop reading'
    | 'read again'
    | 'rest';
  /** Which member. */
  readonly who: number;
};

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    { weight: 6, arbitrary: fc.constant('publish' as const) },
    { weight: 5, arbitrary: fc.constantFrom('acknowledge', 'connect') },
    {
      weight: 4,
      arbitrary: fc.constantFrom('drop', 'end', 'unsubscribe', 'stop reading', 'read again', 'rest'),
    },
  ),
  who: fc.nat(2),
});

describe('a group whose members come and go', () => {
  it('loses no message of QoS 1 while it has a member, and gives each to one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 80 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('fair' as const, 'sticky' as const),
        run,
      ),
      { numRuns: 150 },
    );
  });
});

async function run(steps: readonly Step[], maxInflight: number, sharing: 'fair' | 'sticky'): Promise<void> {
  const made = fakeBroker({ limits: { maxInflight, maxOutputBytes: 200 }, sharedSubscriptions: sharing });
  // Never leaves, never acknowledges before the end: the group goes on, and there is always somebody to wait for.
  const keeper = await FakeDevice.connected(made.broker, { ...five, clientId: 'keeper', ...lasting(false) });
  keeper.subscribe('$share/g/t', 1);
  const writer = await publisher(made);
  // The third one's session ends with its connection.
  const names = ['a', 'b', 'transient'];
  const devices: (FakeDevice | null)[] = [null, null, null];
  const everybody: FakeDevice[] = [];
  let published = 0;
  for (const { do: what, who } of steps) {
    const device = devices[who];
    if (what === 'publish') {
      published += 1;
      writer.publish('t', String(published), 1, published);
    } else if (what === 'connect') {
      const clientId = names[who] as string;
      const next = await FakeDevice.connected(made.broker, { ...five, clientId, ...lasting(who === 2) });
      next.subscribe('$share/g/t', 1);
      devices[who] = next;
      everybody.push(next);
    } else if (device) {
      if (what === 'drop') device.drop();
      else if (what === 'end') device.send({ type: 'disconnect', reason: 0, properties: { sessionExpiryInterval: 0 } });
      else if (what === 'stop reading') device.reading = false;
      else if (what === 'read again') device.readAgain();
      else if (what === 'unsubscribe')
        device.send({ type: 'unsubscribe', packetId: 2, filters: ['$share/g/t'], properties: {} });
      else if (what === 'acknowledge') await acknowledgeAll(device);
      if (what === 'drop' || what === 'end') devices[who] = null;
    }
    await settled();
  }
  for (const device of devices) if (device && !device.reading) device.readAgain();
  // Sessions that are away end: what they had in flight is handed on.
  made.wait(1_001_000);
  await settled();
  await acknowledgeAll(keeper, ...devices.filter((device) => device !== null));
  await acknowledgeAll(keeper, ...devices.filter((device) => device !== null));

  const got = [keeper, ...everybody].flatMap(({ payloads }) => payloads);
  expect([...new Set(got)].map(Number).sort((a, b) => a - b)).toEqual(
    Array.from({ length: published }, (_, n) => n + 1),
  );
  expect(waiting(made)).toBe(0);
  expect(made.broker.stats()).toMatchObject({ dropped: 0, queuedBytes: 0 });
  expect(made.broker.clients('default').every(({ queued, inFlight }) => queued === 0 && inFlight === 0)).toBe(true);
  // Nobody who was there all the time gets one twice on one connection.
  for (const { payloads } of [keeper, ...everybody]) expect(new Set(payloads).size).toBe(payloads.length);
  await made.broker.close();
}
