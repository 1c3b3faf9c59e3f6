import { describe, expect, it } from 'vitest';
import { nothingReached } from '../base/index.ts';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

type Options = Parameters<typeof fakeBroker>[0];

const five = { version: 5, clean: false, properties: { sessionExpiryInterval: 1000 } } as const;

function bounded(options: Options) {
  const reached = nothingReached();
  return { reached, ...fakeBroker({ reached, ...options }) };
}

/** Persistent sessions that subscribed at QoS 1 and went away. */
async function away(made: ReturnType<typeof bounded>, ids: readonly string[], filter = 't'): Promise<void> {
  for (const clientId of ids) {
    const device = await FakeDevice.connected(made.broker, { ...five, clientId });
    device.subscribe(filter, 1);
    device.drop();
  }
}

const writer = (made: ReturnType<typeof bounded>, version: 4 | 5 = 5) =>
  FakeDevice.connected(made.broker, { version, clientId: `w${version}` });

async function publish(device: FakeDevice, payloads: readonly string[], qos: 1 | 2 = 1, topic = 't'): Promise<void> {
  for (const [at, payload] of payloads.entries()) device.publish(topic, payload, qos, at + 1);
  await settled();
}

/** Comes back and acknowledges all that it gets. */
async function drained(made: ReturnType<typeof bounded>, clientId: string): Promise<string[]> {
  const device = await FakeDevice.connected(made.broker, { ...five, clientId });
  for (let seen = 0; seen < device.of('publish').length; ) {
    for (const { packetId } of device.of('publish').slice(seen)) device.puback(packetId);
    seen = device.of('publish').length;
    await settled();
  }
  return device.payloads;
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);
const reasons = (device: FakeDevice): number[] => device.of('puback').map(({ reason }) => reason);
const infoOf = (made: ReturnType<typeof bounded>, id: string) =>
  made.broker.clients('default').find(({ clientId }) => clientId === id);

describe('a queue at its bound', () => {
  it('refuses the new message with 0x97 where nobody else gets it, and is as it was', async () => {
    const made = bounded({ limits: { maxQueuedMessages: 3 } });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, numbers(5));
    expect(reasons(device)).toEqual([0, 0, 0, Reason.quotaExceeded, Reason.quotaExceeded]);
    expect(infoOf(made, 'a')).toMatchObject({ queued: 3, dropped: 2 });
    expect(made.broker.stats()).toMatchObject({ queued: 3, queueRefused: 2, dropped: 2 });
    expect(made.reached.maxQueuedMessages).toBe(2);
    expect(await drained(made, 'a')).toEqual(numbers(3));
    expect(made.broker.stats()).toMatchObject({ queued: 0, queueDelivered: 3 });
  });

  it('answers PUBREC with 0x97, after which the identifier is free [MQTT-4.3.3-9]', async () => {
    const made = bounded({ limits: { maxQueuedMessages: 1 } });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, numbers(1));
    device.publish('t', 'refused', 2, 9);
    await settled();
    expect(device.of('pubrec').map(({ reason }) => reason)).toEqual([Reason.quotaExceeded]);
    expect(await drained(made, 'a')).toEqual(['m0']);
    device.publish('t', 'taken', 2, 9);
    await settled();
    expect(device.of('pubrec').map(({ reason }) => reason)).toEqual([Reason.quotaExceeded, Reason.success]);
  });

  it('is counted and acknowledged to a client of 3.1.1, which cannot be told', async () => {
    const made = bounded({ limits: { maxQueuedMessages: 1 } });
    await away(made, ['a']);
    const device = await writer(made, 4);
    await publish(device, numbers(3));
    expect(device.of('puback')).toHaveLength(3);
    expect(infoOf(made, 'a')?.dropped).toBe(2);
    expect(made.broker.stats().queueRefused).toBe(2);
  });

  it('does not keep the message from others, and then it is a success', async () => {
    const made = bounded({ limits: { maxQueuedMessages: 2 } });
    await away(made, ['full']);
    const device = await writer(made);
    await publish(device, numbers(2));
    await away(made, ['other']);
    const here = await FakeDevice.connected(made.broker, { clientId: 'here' });
    here.subscribe('t', 0);
    await publish(device, ['x', 'y']);
    here.drop();
    await publish(device, ['z']);
    expect(reasons(device)).toEqual([0, 0, 0, 0, Reason.quotaExceeded]);
    expect(here.payloads).toEqual(['x', 'y']);
    expect(await drained(made, 'other')).toEqual(['x', 'y']);
    expect(await drained(made, 'full')).toEqual(numbers(2));
  });

  it('of bytes refuses likewise, and takes again when a tenth is free', async () => {
    const made = bounded({ limits: { maxQueuedBytes: 1000 } });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, ['x'.repeat(600), 'y'.repeat(600), 'z']);
    expect(reasons(device)).toEqual([0, 0, Reason.quotaExceeded]);
    expect(made.reached.maxQueuedBytes).toBe(1);
    await drained(made, 'a');
    await publish(device, ['again']);
    expect(reasons(device).at(-1)).toBe(0);
  });

  it('of a group refuses too', async () => {
    const made = bounded({ limits: { maxQueuedMessages: 2 } });
    await away(made, ['a'], '$share/g/t');
    const device = await writer(made);
    await publish(device, numbers(3));
    expect(reasons(device)).toEqual([0, 0, Reason.quotaExceeded]);
    expect(await drained(made, 'a')).toEqual(numbers(2));
  });

  it('of a client that is connected and has no window left refuses too, also where its session ends with it', async () => {
    for (const clean of [true, false]) {
      const made = bounded({ limits: { maxQueuedMessages: 2, maxInflight: 1 } });
      const slow = await FakeDevice.connected(made.broker, {
        version: 5,
        clientId: 'slow',
        clean,
        properties: clean ? EMPTY_PROPERTIES : five.properties,
      });
      slow.subscribe('t', 1);
      const device = await writer(made);
      await publish(device, numbers(5));
      // What is in flight to a persistent session is in its queue as well.
      const taken = clean ? 3 : 2;
      expect(reasons(device).filter((reason) => reason === 0)).toHaveLength(taken);
      for (let i = 0; i < taken; i++) {
        slow.puback(slow.of('publish').at(-1)?.packetId ?? 0);
        await settled();
      }
      expect(slow.payloads).toEqual(numbers(taken));
    }
  });

  it('costs the other sessions of its world nothing: who gets a topic is not worked out anew', async () => {
    const made = bounded({ limits: { maxQueuedMessages: 2 } });
    const slow = await FakeDevice.connected(made.broker, { ...five, clientId: 'slow' });
    slow.subscribe('t', 1);
    const here = await FakeDevice.connected(made.broker, { clientId: 'here' });
    here.subscribe('other/#', 1);
    const device = await writer(made);
    await publish(device, ['1'], 1, 'other/x');
    const entry = device.connection.lastTopic;
    const before = entry?.receivers ?? null;
    for (let i = 0; i < 5; i++) {
      await publish(device, numbers(3));
      for (const { packetId } of slow.of('publish')) slow.puback(packetId);
      await publish(device, ['1'], 1, 'other/x');
    }
    expect(made.broker.stats().queueRefused).toBe(5);
    expect(before !== null && entry?.receivers === before).toBe(true);
  });
});

describe('all queues together at their bound', () => {
  it('of messages refuse, and take again when some are gone', async () => {
    const made = bounded({ limits: { maxQueuedMessagesInAll: 4 } });
    await away(made, ['a', 'b']);
    const device = await writer(made);
    await publish(device, numbers(3));
    expect(reasons(device)).toEqual([0, 0, Reason.quotaExceeded]);
    expect(made.reached.maxQueuedMessagesInAll).toBe(2);
    expect(made.broker.stats().queued).toBe(4);
    await drained(made, 'a');
    await publish(device, ['x']);
    expect(reasons(device).at(-1)).toBe(0);
  });

  it('of bytes refuse', async () => {
    const made = bounded({ limits: { maxQueuedBytesInAll: 100 } });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, ['x'.repeat(200), 'y']);
    expect(reasons(device)).toEqual([0, Reason.quotaExceeded]);
    expect(made.reached.maxQueuedBytesInAll).toBe(1);
  });

  it('have room again when a session ends, which is counted', async () => {
    const made = bounded({ limits: { maxQueuedMessagesInAll: 2 } });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, numbers(2));
    made.wait(1001 * 1000);
    expect(made.broker.stats()).toMatchObject({ queued: 0, queueEnded: 2 });
    await away(made, ['b']);
    const again = await writer(made);
    await publish(again, ['x']);
    expect(reasons(again)).toEqual([0]);
  });
});

describe('with drop-oldest', () => {
  const dropping = (limits: NonNullable<Options>['limits'], more: Options = {}) =>
    bounded({ queuePolicy: 'drop-oldest', ...(limits === undefined ? {} : { limits }), ...more });

  it('the oldest that wait go, and are counted on their own', async () => {
    const made = dropping({ maxQueuedMessages: 3 });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, numbers(8));
    expect(reasons(device)).toEqual(Array(8).fill(0));
    expect(made.broker.stats()).toMatchObject({ queued: 3, queuePushedOut: 5, queueRefused: 0, dropped: 5 });
    expect(infoOf(made, 'a')).toMatchObject({ queued: 3, dropped: 5 });
    expect(await drained(made, 'a')).toEqual(['m5', 'm6', 'm7']);
    expect(made.broker.stats()).toMatchObject({ queued: 0, queueDelivered: 3 });
  });

  it('what is in flight stays; with nothing else to drop the new one is refused', async () => {
    const made = dropping({ maxQueuedMessages: 3, maxInflight: 2 });
    const slow = await FakeDevice.connected(made.broker, { ...five, clientId: 'slow' });
    slow.subscribe('t', 1);
    const device = await writer(made);
    await publish(device, numbers(6));
    expect(slow.payloads).toEqual(['m0', 'm1']);
    slow.drop();
    expect(await drained(made, 'slow')).toEqual(['m0', 'm1', 'm5']);
    expect(made.broker.stats()).toMatchObject({ queued: 0, queueDelivered: 3, queuePushedOut: 3 });

    const narrow = dropping({ maxQueuedMessages: 2, maxInflight: 2 });
    const held = await FakeDevice.connected(narrow.broker, { ...five, clientId: 'held' });
    held.subscribe('t', 1);
    const other = await writer(narrow);
    await publish(other, numbers(3));
    expect(reasons(other)).toEqual([0, 0, Reason.quotaExceeded]);
  });

  it('what a client reads at that moment is not sent when it was dropped', async () => {
    const made = dropping({ maxQueuedMessages: 3 });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, numbers(3));
    const back = new FakeDevice(made.broker, 5);
    back.connect({ ...five, clientId: 'a' }); // reads its first page now
    device.publish('t', 'm3', 1, 50);
    await settled();
    const { queued, queueDelivered, queuePushedOut } = made.broker.stats();
    expect(queuePushedOut + back.payloads.length).toBe(4);
    expect(back.payloads.at(-1)).toBe('m3');
    expect(new Set(back.payloads).size).toBe(back.payloads.length);
    for (const { packetId } of back.of('publish')) back.puback(packetId);
    await settled();
    expect({ queued, queueDelivered }).toEqual({ queued: back.payloads.length, queueDelivered: 0 });
    expect(made.broker.stats().queued).toBe(0);
  });

  it('a group drops what waits longest, also what came back to it', async () => {
    const made = dropping({ maxQueuedMessages: 3, maxInflight: 2 });
    const member = await FakeDevice.connected(made.broker, { version: 5, clientId: 'gone' });
    await away(made, ['a'], '$share/g/t');
    member.subscribe('$share/g/t', 1);
    const device = await writer(made);
    await publish(device, numbers(3)); // m0 and m1 in flight to a member whose session ends
    member.drop();
    await settled();
    await publish(device, ['m3', 'm4']);
    expect(await drained(made, 'a')).toEqual(['m2', 'm3', 'm4']);
  });

  it('one large message takes the room of many small ones', async () => {
    const made = dropping({ maxQueuedBytes: 1000 });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, [...Array<string>(90).fill('0123456789'), 'x'.repeat(900), 'y']);
    // The bound is met before a message comes, so that the last one may go beyond it.
    expect(await drained(made, 'a')).toEqual([...Array<string>(8).fill('0123456789'), 'x'.repeat(900), 'y']);
  });

  it('where all queues are at their bound one goes for one', async () => {
    const made = dropping({ maxQueuedMessagesInAll: 3 });
    await away(made, ['a']);
    const device = await writer(made);
    await publish(device, numbers(5));
    expect(await drained(made, 'a')).toEqual(['m2', 'm3', 'm4']);
  });
});
