import { describe, expect, it } from 'vitest';
import type { Access } from '../access/index.ts';
import { fakeBroker, principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';
import { acknowledgeAll, group, lasting, numbers, publish, publisher, waiting } from './testing/fake-group.ts';

const five = { version: 5 as const };

describe('a shared subscription', () => {
  it.each([0, 1, 2] as const)('gives each QoS %i message to one member, in turn', async (qos) => {
    const made = fakeBroker();
    const members = await group(made, ['a', 'b', 'c'], { qos });
    await publish(await publisher(made), numbers(9), qos);
    expect(members.map(({ payloads }) => payloads)).toEqual([
      ['0', '3', '6'],
      ['1', '4', '7'],
      ['2', '5', '8'],
    ]);
    expect(members[0]?.of('publish').map((packet) => packet.qos)).toEqual([qos, qos, qos]);
  });

  it('is one for each name and filter, beside ordinary ones: each gets its copy', async () => {
    const made = fakeBroker();
    const [a, b] = await group(made, ['a', 'b']);
    const other = await FakeDevice.connected(made.broker, { ...five, clientId: 'other' });
    other.subscribe('$share/h/t', 1);
    const wide = await FakeDevice.connected(made.broker, { ...five, clientId: 'wide' });
    wide.subscribe('$share/g/+', 1);
    a?.subscribe('t', 0);
    await settled();
    await publish(await publisher(made), ['x', 'y']);
    expect([...(a?.payloads ?? []), ...(b?.payloads ?? [])].sort()).toEqual(['x', 'x', 'y', 'y']);
    expect(b?.payloads).toHaveLength(1);
    expect(other.payloads).toEqual(['x', 'y']);
    expect(wide.payloads).toEqual(['x', 'y']);
  });

  it('respects the QoS that each member was granted [MQTT-4.8.2-3]', async () => {
    const made = fakeBroker();
    const members: FakeDevice[] = [];
    for (const qos of [0, 1, 2] as const) members.push(...(await group(made, [`m${qos}`], { qos })));
    await publish(await publisher(made), numbers(3), 2);
    expect(members.map((member) => member.of('publish').map(({ qos }) => qos))).toEqual([[0], [1], [2]]);
    expect(waiting(made)).toBe(2);
  });

  it('has its subscription identifier in each message, and Retain As Published as asked', async () => {
    const { broker } = fakeBroker();
    const member = await FakeDevice.connected(broker, { ...five, clientId: 'm' });
    member.send({
      type: 'subscribe',
      packetId: 1,
      properties: { subscriptionIdentifiers: [77] },
      subscriptions: [{ filter: '$share/g/t', qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 }],
    });
    for (const qos of [0, 1] as const) member.publish('t', 'x', qos, 5, true);
    await settled();
    const got = member.of('publish').map(({ retain, properties }) => [retain, properties.subscriptionIdentifiers]);
    expect(got).toEqual([
      [true, [77]],
      [true, [77]],
    ]);
  });

  it.each([0, 1, 2] as const)(
    'is sent no retained messages, whatever its Retain Handling (%i) says',
    async (handling) => {
      const { broker } = fakeBroker();
      const member = await FakeDevice.connected(broker, { ...five, clientId: 'm' });
      member.publish('t', 'kept', 1, 1, true);
      member.subscribe('$share/g/t', 1, { retainHandling: handling });
      await settled();
      expect(member.of('suback')[0]?.reasons).toEqual([1]);
      expect(member.payloads).toEqual([]);
    },
  );

  it('counts as a match: a publisher is not told that nobody listens', async () => {
    const made = fakeBroker();
    const writer = await FakeDevice.connected(made.broker, { ...five, clientId: 'w' });
    await publish(writer, ['x']);
    await group(made, ['a']);
    await publish(writer, ['y']);
    expect(writer.of('puback').map(({ reason }) => reason)).toEqual([0x10, 0]);
  });

  it('is made once for a client that asks twice, and ends with its first UNSUBSCRIBE', async () => {
    const made = fakeBroker();
    const [a, b] = await group(made, ['a', 'b']);
    a?.subscribe('$share/g/t', 0);
    const writer = await publisher(made);
    await publish(writer, numbers(4));
    expect(a?.of('publish').map(({ qos }) => qos)).toEqual([0, 0]);
    expect(made.broker.stats()).toMatchObject({ subscriptions: 2, sharedSubscriptions: 2 });
    a?.send({ type: 'unsubscribe', packetId: 2, filters: ['$share/g/t', '$share/g/t'], properties: {} });
    await publish(writer, numbers(4, 4));
    expect(a?.of('unsuback')[0]?.reasons).toEqual([0, 0x11]);
    expect(b?.payloads).toEqual(['1', '3', '4', '5', '6', '7']);
    expect(made.broker.stats()).toMatchObject({ subscriptions: 1, sharedSubscriptions: 1 });
  });

  it('ends with its last member: what nobody took is deleted with it (4.8.2)', async () => {
    const made = fakeBroker();
    const [a] = await group(made, ['a'], { clean: false });
    const writer = await publisher(made);
    a?.drop();
    await publish(writer, numbers(5));
    expect(waiting(made)).toBe(5);
    made.wait(1_001_000);
    await settled();
    expect(made.broker.stats()).toMatchObject({ queued: 0, queuedBytes: 0, subscriptions: 0, sharedSubscriptions: 0 });
    const [again] = await group(made, ['a']);
    await publish(writer, ['new']);
    expect(again?.payloads).toEqual(['new']);
  });

  it('is of its world: groups of the same name in two worlds know nothing of each other', async () => {
    const { broker } = fakeBroker({ worlds: ['red', 'blue'] });
    const devices: FakeDevice[] = [];
    for (const username of ['red', 'blue']) {
      const device = await FakeDevice.connected(broker, { ...five, clientId: 'm', username });
      device.subscribe('$share/g/t', 1);
      device.publish('t', username, 1);
      devices.push(device);
    }
    await settled();
    expect(devices.map(({ payloads }) => payloads)).toEqual([['red'], ['blue']]);
  });

  it('works for clients of 3.1.1 and 3.1 too', async () => {
    const { broker } = fakeBroker();
    const members = await Promise.all(
      ([3, 4] as const).map((version) => FakeDevice.connected(broker, { version, clientId: `m${version}` })),
    );
    for (const member of members) member.subscribe('$share/g/t', 1);
    members[0]?.publish('t', 'x', 1, 1);
    members[0]?.publish('t', 'y', 1, 2);
    await settled();
    expect(members.map(({ payloads }) => payloads)).toEqual([['x'], ['y']]);
  });

  it('needs the right to all of its filter, since in a group nobody asks who may read a message', async () => {
    const access: Access = {
      authenticate: ({ clientId }) => ({
        ok: true,
        principal: {
          ...principalOf('default'),
          rules: {
            all: false,
            mayPublish: () => true,
            maySubscribe: () => (clientId === 'whole' ? 'yes' : clientId === 'part' ? 'partly' : 'no'),
            mayReceive: () => true,
          },
        },
      }),
      onRevoked: () => {},
    };
    const { broker } = fakeBroker({ access });
    const reasons: (number | undefined)[] = [];
    for (const clientId of ['whole', 'part', 'none']) {
      const device = await FakeDevice.connected(broker, { ...five, clientId });
      device.subscribe('$share/g/t', 1);
      await settled();
      reasons.push(device.of('suback')[0]?.reasons[0]);
    }
    expect(reasons).toEqual([1, 0x87, 0x87]);
  });

  it('ends where the rules of a member that comes back allow it no more', async () => {
    let right: 'yes' | 'partly' = 'yes';
    const access: Access = {
      authenticate: () => {
        const now = right;
        const rules = { all: false, mayPublish: () => true, maySubscribe: () => now, mayReceive: () => true };
        return { ok: true, principal: { ...principalOf('default'), rules } };
      },
      onRevoked: () => {},
    };
    const made = fakeBroker({ access });
    const [a] = await group(made, ['a'], { clean: false });
    a?.drop();
    right = 'partly';
    await FakeDevice.connected(made.broker, { ...five, clientId: 'a', ...lasting(false) });
    expect(made.broker.stats()).toMatchObject({ subscriptions: 0, sharedSubscriptions: 0 });
    expect(made.lines.map(({ text }) => text).join()).toMatch('shared subscription ended');
  });
});

describe('the choice of a member', () => {
  it('fair: passes over who is away, and whose window is full', async () => {
    const made = fakeBroker({ limits: { maxInflight: 2 } });
    const [a, b, c] = await group(made, ['a', 'b', 'c'], { clean: false });
    b?.drop();
    const writer = await publisher(made);
    await publish(writer, numbers(4));
    expect([a?.payloads, c?.payloads]).toEqual([
      ['0', '2'],
      ['1', '3'],
    ]);
    a?.puback(1);
    await publish(writer, numbers(2, 4));
    expect([a?.payloads.slice(2), c?.payloads.slice(2)]).toEqual([['4'], []]);
    c?.puback(1);
    await settled();
    expect(c?.payloads.slice(2)).toEqual(['5']);
  });

  it('fair: passes over who takes no bytes, at QoS 0 and 1', async () => {
    const made = fakeBroker({ limits: { maxOutputBytes: 1000 } });
    const [slow, quick] = await group(made, ['slow', 'quick']);
    const ordinary = slow as FakeDevice;
    ordinary.reading = false;
    ordinary.subscribe('fill', 0);
    await settled();
    const writer = await publisher(made);
    writer.publish('fill', 'x'.repeat(2000));
    await publish(writer, numbers(3), 0);
    await publish(writer, numbers(3, 3), 1);
    expect(quick?.payloads).toEqual(numbers(6));
  });

  it('QoS 0: goes to somebody who is behind rather than to nobody, and is counted when there is nobody', async () => {
    const made = fakeBroker({ limits: { maxOutputBytes: 1000 } });
    const [only] = await group(made, ['only'], { qos: 0, clean: false });
    const device = only as FakeDevice;
    device.reading = false;
    const writer = await publisher(made);
    await publish(writer, ['x'.repeat(2000), 'behind'], 0);
    device.readAgain();
    await settled();
    expect(device.payloads).toEqual(['x'.repeat(2000), 'behind']);
    const { dropped } = made.broker.stats();
    device.drop();
    await publish(writer, ['away'], 0);
    expect(made.broker.stats().dropped).toBe(dropped + 1);
  });

  it('sticky: stays with a member as long as it is there and has room', async () => {
    const made = fakeBroker({ sharedSubscriptions: 'sticky', limits: { maxInflight: 3 } });
    const [a, b, c] = await group(made, ['a', 'b', 'c']);
    const writer = await publisher(made);
    await publish(writer, numbers(2));
    expect([a?.payloads, b?.payloads, c?.payloads]).toEqual([['0', '1'], [], []]);
    await publish(writer, numbers(2, 2)); // the window is full after the first one
    expect([a?.payloads, b?.payloads]).toEqual([['0', '1', '2'], ['3']]);
    for (const id of [1, 2, 3]) a?.puback(id);
    await publish(writer, ['4']);
    expect(b?.payloads).toEqual(['3', '4']);
    await acknowledgeAll(b as FakeDevice);
    a?.drop(); // somebody before it in the order is gone: nothing changes
    await publish(writer, ['5']);
    expect(b?.payloads).toEqual(['3', '4', '5']);
    await acknowledgeAll(b as FakeDevice);
    b?.drop();
    await publish(writer, ['6']);
    expect(c?.payloads).toEqual(['6']);
  });
});
