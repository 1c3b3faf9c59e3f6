import { describe, expect, it } from 'vitest';
import { Reason } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

/** A PUBLISH at QoS 0 of 3.1.1 or, its payload beginning with a 0, of 5.0. */
function publishOf(payloadBytes: number): Buffer {
  const size = 3 + payloadBytes;
  const length = [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
  return Buffer.concat([Buffer.of(0x30, ...length, 0, 1, 0x61), Buffer.alloc(payloadBytes)]);
}

describe('the keep-alive', () => {
  it('counts packets, not bytes: a packet that never ends keeps nothing open [MQTT-3.1.2-22] [MQTT3-3.1.2-24]', async () => {
    for (const version of [4, 5] as const) {
      const { broker, wait } = fakeBroker();
      const device = await FakeDevice.connected(broker, { version, keepAlive: 1 });
      const packet = publishOf(60_000);
      for (let at = 0; at < 3; at++) {
        expect(device.closed).toBe(false);
        wait(500);
        device.sendBytes(packet.subarray(at, at + 1));
      }
      wait(100);
      expect(device.closed).toBe(true);
      if (version === 5) expect(device.of('disconnect')).toMatchObject([{ reason: Reason.keepAliveTimeout }]);
    }
  });

  it('begins anew with each whole packet, however its bytes come [MQTT-3.1.2-22]', async () => {
    const { broker, wait } = fakeBroker();
    const device = await FakeDevice.connected(broker, { keepAlive: 1 });
    const ping = Buffer.of(0xc0, 0);
    for (let n = 0; n < 10; n++) {
      wait(700);
      device.sendBytes(ping.subarray(0, 1));
      wait(700);
      // The end of one, and the beginning of the next.
      device.sendBytes(Buffer.concat([ping.subarray(1), ping, ping.subarray(0, 1)]));
      wait(700);
      device.sendBytes(ping.subarray(1));
    }
    await settled();
    expect(device.closed).toBe(false);
    expect(device.of('pingresp')).toHaveLength(30);
  });

  it('leaves a large packet on a slow link its time, as long as it advances (3.1.2.10)', async () => {
    const { broker, wait } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version: 5, keepAlive: 1 });
    const packet = publishOf(60_000);
    for (let at = 0; at < 40_000; at += 5000) {
      wait(1400);
      device.sendBytes(packet.subarray(at, at + 5000));
    }
    expect(device.closed).toBe(false);
    // Less than 4 KiB in that time is no advance.
    wait(1400);
    device.sendBytes(packet.subarray(40_000, 40_100));
    wait(200);
    expect(device.of('disconnect')).toMatchObject([{ reason: Reason.keepAliveTimeout }]);
  });

  it('does not run while we do not read: what it sent meanwhile is looked at first', async () => {
    const { broker, wait } = fakeBroker({ limits: { maxOutputBytes: 1000, stalledAfterMs: 2000 } });
    const receiver = await FakeDevice.connected(broker, { clientId: 'receiver' });
    receiver.subscribe('t', 0);
    await settled();
    receiver.reading = false;
    const device = await FakeDevice.connected(broker, { clientId: 'publisher', keepAlive: 1 });
    for (let n = 0; n < 50 && !device.paused; n++) {
      device.publish('t', 'x'.repeat(100));
      await settled();
    }
    expect(device.paused).toBe(true);
    wait(1900);
    wait(200);
    expect([device.paused, device.closed]).toEqual([false, false]);
    wait(1600);
    expect(device.closed).toBe(true);
  });
});
