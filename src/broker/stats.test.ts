import { afterEach, describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES } from '../codec/index.ts';
import type { Broker, WorldStats } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

let broker: Broker;
afterEach(() => broker.close());

/** The username is the namespace. */
const connected = (clientId: string, username: string | null = null, clean = true): Promise<FakeDevice> =>
  FakeDevice.connected(broker, { clientId, username, clean });

function figures(world: number): WorldStats {
  const found = broker.worldStats(world);
  if (found === null) throw new Error(`there is no world ${world}`);
  return found;
}

describe('the figures of a world', () => {
  it('count what came and went in it, and the sums are those of the server', async () => {
    ({ broker } = fakeBroker({ worlds: ['default', 'lab'] }));
    const receiver = await connected('receiver');
    receiver.subscribe('a/#', 1);
    const sender = await connected('sender');
    sender.publish('a/b', '12345', 1);
    sender.publish('a/c', '67', 0);
    const elsewhere = await connected('sender', 'lab');
    elsewhere.publish('a/b', 'x', 0, 1, true);
    await settled();
    receiver.puback(1);

    const here = figures(0);
    // CONNECT twice, SUBSCRIBE, PUBLISH twice, PUBACK; CONNACK twice, SUBACK, PUBACK, PUBLISH twice.
    expect(here).toMatchObject({ connects: 2, packetsIn: 6, packetsOut: 6, messagesIn: 2, messagesOut: 2 });
    expect(here).toMatchObject({ payloadBytesIn: 7, payloadBytesOut: 7, subscriptions: 1, connected: 2, retained: 0 });
    // CONNECT of 3.1.1 has 14 bytes and the client id; PUBLISH 7 bytes, the identifier at QoS 1, and the payload.
    expect(here.bytesIn).toBe(14 + 8 + (14 + 6) + 10 + (9 + 5) + (7 + 2) + 4);
    expect(here.bytesOut).toBe(4 + 4 + 5 + (9 + 5) + (7 + 2) + 4);
    const there = figures(1);
    expect(there).toMatchObject({
      packetsIn: 2,
      packetsOut: 1,
      messagesIn: 1,
      messagesOut: 0,
      retained: 1,
      sessions: 1,
    });

    const all = broker.stats();
    expect(all.connectionsTotal).toBe(3);
    const names = (Object.keys(here) as (keyof WorldStats)[]).filter((name) => name !== 'connectionsTotal');
    for (const name of names) expect([name, all[name]]).toEqual([name, here[name] + there[name]]);
    expect(all.connectionsByTransport).toEqual({ tcp: 3 });
  });

  it('have no part in what comes before a sign-in', async () => {
    ({ broker } = fakeBroker());
    const early = new FakeDevice(broker);
    early.sendBytes(Buffer.of(0x10, 20, 0));
    expect(figures(0)).toMatchObject({ connects: 0, packetsIn: 0, bytesIn: 0 });
    expect(broker.stats()).toMatchObject({ connections: 1, connected: 0, bytesIn: 3 });
    expect(broker.worldStats(7)).toBeNull();
  });

  it('know who is there, who is away, the most there were, and who has expired', async () => {
    const fake = fakeBroker({ limits: { maxSessionExpiryS: 60 } });
    ({ broker } = fake);
    const stays = await connected('stays', null, false);
    stays.subscribe('a', 1);
    const goes = await connected('goes');
    goes.drop();
    stays.drop();
    const again = await connected('publisher');
    again.publish('a', '123', 1);
    await settled();
    expect(figures(0)).toMatchObject({ connected: 1, sessions: 2, maxConnected: 2, sessionsExpired: 0, queued: 1 });
    expect(figures(0).queuedBytes).toBeGreaterThanOrEqual(4);
    fake.wait(61_000);
    expect(figures(0)).toMatchObject({ connected: 1, sessions: 1, maxConnected: 2, sessionsExpired: 1, queued: 0 });
    expect(broker.stats()).toMatchObject({ connected: 1, maxConnected: 2, sessionsExpired: 1 });
  });

  it('say what waits in all queues of a world, and by which transports clients came', async () => {
    ({ broker } = fakeBroker({ worlds: ['default', 'lab'] }));
    const stays = await connected('stays', null, false);
    stays.subscribe('a/+', 1);
    const member = await connected('member', null, false);
    member.subscribe('$share/g/a/x', 1);
    stays.drop();
    member.drop();
    const elsewhere = await connected('stays', 'lab', false);
    elsewhere.subscribe('a/+', 1);
    elsewhere.drop();
    expect(broker.stats().connectionsByTransport).toEqual({});
    const sender = await connected('sender');
    for (const [n, topic] of ['a/x', 'a/y', 'a/x'].entries()) sender.publish(topic, '123', 1, n + 1);
    (await connected('sender', 'lab')).publish('a/x', '12345', 1);
    await settled();
    expect(figures(0)).toMatchObject({ queued: 5, queuedBytes: 5 * (3 + 3) }); // topic and payload; two in the group
    expect(figures(1)).toMatchObject({ queued: 1, queuedBytes: 8 });
    expect(broker.stats()).toMatchObject({ queued: 6, queuedBytes: 38, connectionsByTransport: { tcp: 2 } });

    const back = await connected('stays', null, false);
    expect(figures(0).queued).toBe(5);
    const [first] = back.received.flatMap((packet) => (packet.type === 'publish' ? [packet.packetId] : []));
    back.puback(first as number);
    await settled();
    expect(figures(0).queued).toBe(4);
    await connected('stays'); // takes it over, and begins anew
    expect(figures(0).queued).toBe(2);
    await connected('member');
    expect(figures(0)).toMatchObject({ queued: 0, queuedBytes: 0 });
    expect(broker.stats()).toMatchObject({ queued: 1, connections: 4, connectionsByTransport: { tcp: 4 } });
  });

  it('count a taken-over client once', async () => {
    ({ broker } = fakeBroker());
    await connected('same');
    await connected('same');
    expect(figures(0)).toMatchObject({ connects: 2, connected: 1, maxConnected: 1, sessions: 1 });
  });

  it('count bytes when the peer takes them', async () => {
    ({ broker } = fakeBroker());
    const slow = await connected('slow');
    slow.reading = false;
    const before = figures(0).bytesOut;
    slow.send({ type: 'pingreq' });
    await settled();
    expect(figures(0).bytesOut).toBe(before);
    slow.readAgain();
    expect(figures(0).bytesOut).toBe(before + 2);
  });

  it('count what is dropped', async () => {
    ({ broker } = fakeBroker());
    const small = await FakeDevice.connected(broker, {
      version: 5,
      clientId: 'small',
      properties: { ...EMPTY_PROPERTIES, maximumPacketSize: 20 },
    });
    small.subscribe('a');
    (await connected('sender')).publish('a', 'x'.repeat(100));
    expect(figures(0)).toMatchObject({ dropped: 1, messagesOut: 0, payloadBytesOut: 0 });
  });
});
