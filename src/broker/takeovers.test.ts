import { describe, expect, it } from 'vitest';
import type { Access } from '../access/index.ts';
import { type FakeBroker, fakeBroker, principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const apricot = { clientId: 'apricot' };
const ONE = '192.168.1.20';
const OTHER = '192.168.1.31';

/** Two devices that connect again as soon as the other has ended their connection, `pauseMs` later. */
async function flap(
  { broker, wait }: FakeBroker,
  times: number,
  pauseMs = 1000,
): Promise<{ last: FakeDevice; waitedMs: number[] }> {
  let last = await FakeDevice.connected(broker, apricot, ONE);
  const waitedMs: number[] = [];
  for (let n = 0; n < times; n++) {
    wait(pauseMs);
    const next = await FakeDevice.connected(broker, apricot, n % 2 === 0 ? OTHER : ONE);
    let waited = 0;
    while (next.of('connack').length === 0 && waited < 10_000) {
      expect(last.closed).toBe(false); // who has the id keeps it meanwhile
      wait(500);
      await settled();
      waited += 500;
    }
    waitedMs.push(waited);
    expect(last.closed).toBe(true);
    expect(next.of('connack')[0]?.reason).toBe(0);
    last = next;
  }
  return { last, waitedMs };
}

describe('one client id on two devices', () => {
  it('is said once in the log, with both addresses, and in the list of clients for as long as it goes on', async () => {
    const fake = fakeBroker();
    const { last } = await flap(fake, 6);
    const told = fake.lines.filter(({ text }) => text.startsWith('two devices use the client id apricot'));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ level: 'warn', fields: { client: 'apricot', addresses: [ONE, OTHER] } });
    expect(told[0]?.text).toContain(`${ONE} and ${OTHER}`);
    const info = () => fake.broker.clients('default').find(({ clientId }) => clientId === 'apricot');
    expect(info()).toMatchObject({ takeovers: 6, sharedBy: [ONE, OTHER] });
    fake.wait(600_001);
    expect(info()).toMatchObject({ sharedBy: [] });
    expect(last.closed).toBe(false);
  });

  it('is no suspicion against a device that has moved to another address', async () => {
    const fake = fakeBroker();
    await flap(fake, 1);
    expect(fake.lines.some(({ level }) => level === 'warn')).toBe(false);
    expect(fake.broker.clients('default')).toMatchObject([{ takeovers: 1, sharedBy: [] }]);
  });

  it('has each further CONNECT answered more slowly, to a bound, and never refused', async () => {
    const { waitedMs } = await flap(fakeBroker(), 12);
    expect(waitedMs).toEqual([0, 0, 0, 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000]);
  });

  it('is answered at once again when it has stopped for a while', async () => {
    const fake = fakeBroker();
    await flap(fake, 8);
    fake.wait(31_000);
    const back = await FakeDevice.connected(fake.broker, apricot, OTHER);
    expect(back.of('connack')).toHaveLength(1);
  });

  it('is damped for sessions that persist as well, and loses nothing of them', async () => {
    const fake = fakeBroker();
    const kept = { ...apricot, clean: false };
    const first = await FakeDevice.connected(fake.broker, kept, ONE);
    first.subscribe('t', 1);
    const from = await FakeDevice.connected(fake.broker, { clientId: 'from' });
    for (let n = 0; n < 6; n++) {
      const next = await FakeDevice.connected(fake.broker, kept, n % 2 === 0 ? OTHER : ONE);
      fake.wait(4000);
      await settled();
      expect(next.of('connack')).toMatchObject([{ sessionPresent: true }]);
    }
    const last = await FakeDevice.connected(fake.broker, kept, OTHER);
    from.publish('t', 'still there', 1);
    fake.wait(4000);
    await settled();
    expect(last.payloads).toEqual(['still there']);
  });

  it('delays nobody else, and packets behind a slow CONNECT are answered after it', async () => {
    const fake = fakeBroker();
    await flap(fake, 6);
    const slow = await FakeDevice.connected(fake.broker, apricot, OTHER);
    slow.publish('t', 'early', 1, 7);
    const quick = await FakeDevice.connected(fake.broker, { clientId: 'plum' }, OTHER);
    expect(quick.of('connack')).toHaveLength(1);
    expect(slow.received).toEqual([]);
    fake.wait(4000);
    await settled();
    expect(slow.received.map(({ type }) => type)).toEqual(['connack', 'puback']);
    expect(slow.paused).toBe(false);
  });

  it('gives the server its proof in a slow CONNACK too (RFC 5802, 3)', async () => {
    const principal = principalOf('default', 'orchard');
    const data = Buffer.from('v=proof');
    const access: Access = {
      authenticate: () => ({ ok: true, principal }),
      exchange: () => ({ next: () => ({ do: 'end', decision: { ok: true, principal }, data }) }),
      onRevoked: () => {},
    };
    const fake = fakeBroker({ access });
    await flap(fake, 6);
    const properties = { authenticationMethod: 'SCRAM-SHA-256' };
    const slow = await FakeDevice.connected(fake.broker, { ...apricot, version: 5, properties }, OTHER);
    expect(slow.received).toEqual([]);
    fake.wait(4000);
    await settled();
    expect(slow.of('connack')).toMatchObject([{ reason: 0, properties: { ...properties, authenticationData: data } }]);
  });

  it('keeps nothing of a device that does not wait, nor of one whose right ends while it waits', async () => {
    const decision = { ok: true, principal: principalOf('default', 'orchard') } as const;
    const fake = fakeBroker({ access: { authenticate: () => decision, onRevoked: () => {} } });
    const { last } = await flap(fake, 6);
    const impatient = await FakeDevice.connected(fake.broker, apricot, OTHER);
    impatient.drop();
    const expelled = await FakeDevice.connected(fake.broker, apricot, OTHER);
    expect(fake.broker.stats().connections).toBe(2);
    expect(last.closed).toBe(false);
    fake.broker.expel('orchard');
    await settled();
    expect(expelled.of('connack')).toMatchObject([{ reason: 0x87 }]);
    expect(fake.broker.stats().connections).toBe(0);
    fake.wait(5000);
    expect(fake.broker.clients('default')).toEqual([]);
  });

  it('names at most eight addresses', async () => {
    const fake = fakeBroker();
    for (let round = 0; round < 2; round++) {
      for (let n = 1; n <= 20; n++) {
        await FakeDevice.connected(fake.broker, apricot, `10.0.0.${n}`);
        fake.wait(4000);
        await settled();
      }
    }
    expect(fake.broker.clients('default')[0]?.sharedBy).toHaveLength(8);
    expect(fake.lines.filter(({ text }) => text.includes('devices use the client id'))).toHaveLength(1);
    expect(fake.lines.filter(({ text }) => text.startsWith('session taken over'))).toHaveLength(10);
  });
});

describe('take-overs from one address', () => {
  it('are never slowed down: a device that restarts has left its old connection half open', async () => {
    const fake = fakeBroker();
    for (let n = 0; n < 20; n++) {
      const device = await FakeDevice.connected(fake.broker, apricot, ONE);
      expect(device.of('connack')).toHaveLength(1);
      fake.wait(100);
    }
    const told = fake.lines.filter(({ text }) => text.includes('again and again from 192.168.1.20'));
    expect(told).toHaveLength(1);
    expect(fake.broker.clients('default')).toMatchObject([{ takeovers: 19, sharedBy: [] }]);
  });
});
