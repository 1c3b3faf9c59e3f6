import { describe, expect, it } from 'vitest';
import { nothingReached } from '../base/index.ts';
import type { BrokerLimits } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

function rig(limits: Partial<BrokerLimits>) {
  const reached = nothingReached();
  const due: { work: () => void; atMs: number }[] = [];
  const later = (work: () => void, ms: number) => void due.push({ work, atMs: fake.clock.monotonicMs() + ms });
  const fake = fakeBroker({ limits, reached, later, worlds: ['default', 'other'] });
  return {
    ...fake,
    reached,
    /** Time passes a millisecond at a time, and what is due is done. */
    pass: (ms: number, each: () => void = () => {}) => {
      for (let n = 0; n < ms; n++) {
        fake.clock.advance(1);
        const now = fake.clock.monotonicMs();
        for (const one of due.splice(0)) {
          if (one.atMs <= now) one.work();
          else due.push(one);
        }
        each();
      }
    },
  };
}

/** Publishes as much as it is read, `size` messages in one chunk; returns how many. */
function flood(device: FakeDevice, pass: (ms: number, each: () => void) => void, ms: number, payload = 'x'): number {
  let sent = 0;
  pass(ms, () => {
    if (device.paused) return;
    device.publish('t', payload);
    sent += 1;
  });
  return sent;
}

describe('a publisher above its rate', () => {
  it('of messages is read more slowly, and neither loses a message nor its connection', async () => {
    const { broker, pass, reached } = rig({ maxPublishPerS: 100 });
    const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
    reader.subscribe('t');
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    const sent = flood(writer, pass, 10_000);
    await settled();
    // A second's worth at once, and then the rate.
    expect(sent).toBeGreaterThan(1050);
    expect(sent).toBeLessThan(1110);
    expect(reader.payloads).toHaveLength(sent);
    expect([writer.closed, writer.paused, broker.stats().publishersSlowed]).toEqual([false, true, 1]);
    expect(reached.maxPublishPerS).toBeGreaterThan(900);
    pass(20);
    expect([writer.paused, broker.stats().publishersSlowed]).toEqual([false, 0]);
  });

  it('of bytes too; who is below it is never held', async () => {
    const { broker, pass, reached } = rig({ maxPublishBytesPerS: 10_000 });
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    const large = flood(writer, pass, 10_000, 'x'.repeat(995)); // 1000 bytes a packet
    expect(large).toBeGreaterThan(100);
    expect(large).toBeLessThan(115);
    expect(reached.maxPublishBytesPerS).toBeGreaterThan(80);
    const modest = await FakeDevice.connected(broker, { clientId: 'modest' });
    for (let i = 0; i < 100; i++) {
      modest.publish('t', 'x'.repeat(995));
      expect(modest.paused).toBe(false);
      pass(101);
    }
  });

  it('is slowed down by the chunk, which is never cut', async () => {
    const { broker, pass } = rig({ maxPublishPerS: 10 });
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    const one = Buffer.from('3003000174', 'hex');
    writer.sendBytes(Buffer.concat(Array.from({ length: 30 }, () => one)));
    expect(broker.stats().messagesIn).toBe(30);
    pass(1999);
    expect(writer.paused).toBe(true); // 20 of them were beyond what a second allows
    pass(1);
    expect(writer.paused).toBe(false);
  });

  it('shares that of its namespace with the others there, each in its turn, and with nobody elsewhere', async () => {
    const { broker, pass, reached } = rig({ maxNamespacePublishPerS: 100 });
    const writers = await Promise.all(
      ['a', 'b', 'c'].map((clientId) => FakeDevice.connected(broker, { clientId, username: 'default' })),
    );
    const elsewhere = await FakeDevice.connected(broker, { clientId: 'a', username: 'other' });
    const sent = [0, 0, 0];
    pass(10_000, () => {
      writers.forEach((writer, at) => {
        if (writer.paused) return;
        writer.publish('t', 'x');
        sent[at] = (sent[at] as number) + 1;
      });
    });
    const sum = sent.reduce((all, one) => all + one);
    expect(sum).toBeGreaterThan(1050);
    expect(sum).toBeLessThan(1120);
    for (const one of sent) expect(one).toBeGreaterThan(sum / 4);
    elsewhere.publish('t', 'x');
    expect(elsewhere.paused).toBe(false);
    expect(reached.maxNamespacePublishPerS).toBeGreaterThan(0);
    expect(reached.maxNamespacePublishBytesPerS).toBe(0);
  });

  it('of bytes in its namespace is slowed down as well', async () => {
    const { broker, reached } = rig({ maxNamespacePublishBytesPerS: 1000 });
    const writer = await FakeDevice.connected(broker, { clientId: 'a' });
    writer.publish('t', 'x'.repeat(2000));
    expect([writer.paused, reached.maxNamespacePublishBytesPerS]).toEqual([true, 1]);
  });

  it('may still acknowledge, ping and subscribe without being slowed down for it', async () => {
    const { broker } = rig({ maxPublishPerS: 1, maxPublishBytesPerS: 100 });
    const device = await FakeDevice.connected(broker, { clientId: 'a' });
    for (let i = 0; i < 50; i++) {
      device.subscribe(`t/${i}`);
      device.puback(i + 1);
      device.send({ type: 'pingreq' });
    }
    expect(device.paused).toBe(false);
  });

  it('is closed while it waits like any other', async () => {
    const { broker, pass } = rig({ maxPublishPerS: 1 });
    const device = await FakeDevice.connected(broker, { clientId: 'a', keepAlive: 1 });
    device.publish('t', 'x');
    device.publish('t', 'x');
    device.drop();
    pass(5000);
    expect([device.closed, broker.stats().publishersSlowed]).toEqual([true, 0]);
  });
});

it('without a rate nobody is counted or held', async () => {
  const { broker } = rig({});
  const device = await FakeDevice.connected(broker, { clientId: 'a' });
  expect(device.connection.rate).toBeNull();
});
