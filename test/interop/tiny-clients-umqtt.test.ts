import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { Umqtt, type UmqttOptions } from './umqtt.ts';

let sonde: RunningSonde;
const devices: Umqtt[] = [];
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => {
  for (const device of devices.splice(0)) device.raw.destroy();
});

async function opened(clientId: string, options: UmqttOptions = {}): Promise<Umqtt> {
  const device = await Umqtt.open(sonde.mqttPort, clientId, options);
  devices.push(device);
  return device;
}

async function connected(clientId: string, options: UmqttOptions = {}): Promise<Umqtt> {
  const device = await opened(clientId, options);
  expect(await device.connect()).toBe(0);
  return device;
}

const hinted = (text: RegExp) => waitFor(`a hint ${text}`, () => text.test(sonde.log()));

describe.each([
  ['umqtt.simple', false],
  ["pycom's mqtt.py", true],
])('%s', (name, oneByteLengths) => {
  const id = (text: string) => `${name}-${text}`;
  const old = { oneByteLengths };

  it('CONNECT with keep-alive 0 and several small writes; exactly 20 02 00 00; session present 0 for a clean one', async () => {
    const device = await connected(id('connect'), old);
    await device.ping();
    expect(await device.waitMessage()).toBeNull();
    expect(device.raw.pending()).toHaveLength(0);
  });

  it('user None sends no credentials, and where nobody is let in without them it gets 20 02 00 05 or 04', async () => {
    const closed = await startSonde({ anonymous: 'none' });
    try {
      const device = await Umqtt.open(closed.mqttPort, id('anonymous'), old);
      await expect(device.connect()).rejects.toThrow(/MQTTException\([45]\)/);
      await device.raw.closed();
    } finally {
      await closed.stop();
    }
  });

  it.each([
    [0, false],
    [0, true],
    [1, false],
    [1, true],
    [2, false],
    [2, true],
  ])(
    'will: QoS %i and retain %s in its flags; published when it vanishes, and not after E0 00',
    async (qos, retain) => {
      const topic = `${name}/will/${qos}/${retain}`;
      const watcher = await connected(id('watcher'));
      await watcher.subscribe(`${topic}/#`, 1);
      const polite = await connected(id('polite'), {
        ...old,
        will: { topic: `${topic}/polite`, payload: 'no', qos, retain },
      });
      await polite.disconnect();
      await polite.raw.closed();
      const rude = await connected(id('rude'), {
        ...old,
        will: { topic: `${topic}/rude`, payload: 'gone', qos, retain },
      });
      rude.vanish();
      expect(await watcher.next()).toEqual({
        topic: `${topic}/rude`,
        payload: 'gone',
        qos: Math.min(qos, 1),
        retain: false,
      });
      const late = await connected(id('late'));
      await late.subscribe(`${topic}/#`, 0);
      await late.publish(`${topic}/end`, 'end');
      expect((await late.next()).payload).toBe(retain ? 'gone' : 'end');
    },
  );

  it('PUBLISH at QoS 1 has a PUBACK of four bytes at once, also while other messages come in between', async () => {
    const device = await connected(id('qos1'), old);
    await device.subscribe(`${name}/qos1`, 1);
    for (let n = 0; n < 50; n++) await device.publish(`${name}/qos1`, String(n), 1);
    while (device.received.length < 50) await device.waitMessage();
    expect(device.received.map(({ payload }) => payload)).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });

  it('packet identifiers never wrap: 0 and 1 are taken, the connection lives, and the log says what is wrong', async () => {
    const device = await connected(id('overflow'), old);
    const watcher = await connected(id('overflow-watcher'));
    await watcher.subscribe(`${name}/overflow`, 1);
    device.packetId = 65_534;
    await device.publish(`${name}/overflow`, 'last good one', 1);
    await expect(device.publish(`${name}/overflow`, 'identifier 0', 1)).rejects.toThrow(/never comes/);
    await expect(device.publish(`${name}/overflow`, 'identifier 1', 1)).rejects.toThrow(/never comes/);
    const seen = [await watcher.next(), await watcher.next(), await watcher.next()].map(({ payload }) => payload);
    expect(seen).toEqual(['last good one', 'identifier 0', 'identifier 1']);
    await device.ping();
    expect(await device.waitMessage()).toBeNull();
    await hinted(
      new RegExp(`${name.replaceAll(/\W/g, '.')}-overflow.*packet identifier 0|packet identifier 0.*-overflow`),
    );
  });

  it('QoS 2 ends its program: it is never given more than the 0 or 1 that it asked for', async () => {
    const device = await connected(id('two'), old);
    expect(await device.subscribe(`${name}/two/0`, 0)).toBe(0);
    expect(await device.subscribe(`${name}/two/1`, 1)).toBe(1);
    for (const qos of [0, 1, 2]) {
      for (const asked of [0, 1]) {
        const will = { topic: `${name}/two/${asked}`, payload: String(qos), qos, retain: false };
        (await connected(id('two-from'), { will })).vanish(); // a will is the one QoS 2 message that umqtt can send
        expect(await device.next()).toMatchObject({ payload: String(qos), qos: Math.min(qos, asked) });
      }
    }
  });

  it('SUBSCRIBE of one topic, with messages before its SUBACK; what is refused is 90 03 id id 80', async () => {
    const device = await connected(id('subscribe'), old);
    await device.subscribe(`${name}/busy`, 0);
    const other = await connected(id('busy'));
    for (let n = 0; n < 20; n++) {
      await other.publish(`${name}/busy`, String(n));
      await device.subscribe(`${name}/other/${n}`, 1);
    }
    while (device.received.length < 20) await device.waitMessage();
    await expect(device.subscribe('not/a#filter')).rejects.toThrow(/MQTTException\(128\)/);
    expect(await device.subscribe(`${name}/after`)).toBe(0);
  });

  it('retained messages come with its SUBSCRIBE, before or after SUBACK', async () => {
    const device = await connected(id('retained'), old);
    await device.publish(`${name}/retained`, 'kept', 1, true);
    await device.subscribe(`${name}/retained`, 1);
    expect(await device.next()).toEqual({ topic: `${name}/retained`, payload: 'kept', qos: 1, retain: true });
  });

  it('never gets a packet that it did not ask for: any other would leave its stream out of step', async () => {
    const device = await connected(id('quiet'), old);
    await device.subscribe(`${name}/quiet`, 1);
    await device.publish(`${name}/quiet`, 'x', 1);
    await device.next();
    await device.ping();
    await device.waitMessage();
    const twin = await connected(id('quiet'), old); // takes over: 3.x has no DISCONNECT from the server
    await device.raw.closed();
    expect(device.raw.pending()).toHaveLength(0);
    expect(new Set(device.operations.map((operation) => operation >> 4))).toEqual(new Set([9, 4, 3, 0xd]));
    await twin.disconnect();
  });

  it('unsubscribe, which only new copies have, is answered with b0 02 id id', async () => {
    const device = await connected(id('unsubscribe'), old);
    await device.subscribe('gone', 0);
    device.raw.send(Buffer.from([0xa2, 8, 0, 9, 0, 4, ...Buffer.from('gone')]));
    expect(await device.raw.take(4)).toEqual(Buffer.from([0xb0, 2, 0, 9]));
  });

  it('topics with a leading slash, blanks and UTF-8; payloads that are no JSON, "b\'..\'", trailing dots and nothing', async () => {
    const device = await connected(id('texts'), old);
    const payloads = ["b'22.25'", '25.80..', '{"a":', 'NaN', '', '  ', '25,8 °C', '[1,2', '\\x00'];
    for (const topic of ['/sensors/humidité', 'salle 12/température', '/', `${name}/..`]) {
      await device.subscribe(topic, 0);
      for (const payload of payloads) {
        await device.publish(topic, payload, 1);
        expect(await device.next()).toMatchObject({ topic, payload });
      }
    }
  });
});

describe('the length of one byte', () => {
  const long = `/lab/${'x'.repeat(130)}`;

  it('of a CONNECT beyond 127 bytes, as with a long client id, user name and password, is taken with a hint', async () => {
    // Two fields that no sign-in is needed for: the will's.
    const will = { topic: long, payload: 'p'.repeat(40), qos: 0, retain: false };
    const device = await connected('lopy-long', { oneByteLengths: true, will });
    await device.publish('lab/a', '1', 1);
    await hinted(/lopy-long.*longer than 127 bytes|longer than 127 bytes.*lopy-long/);
  });

  it('of a SUBSCRIBE to a topic beyond 122 bytes is taken with a hint', async () => {
    const device = await connected('lopy-topic', { oneByteLengths: true });
    expect(await device.subscribe(long, 1)).toBe(1);
    await device.publish(long, 'heard', 1);
    expect(await device.next()).toMatchObject({ topic: long, payload: 'heard' });
    await hinted(/lopy-topic.*SUBSCRIBE is longer|SUBSCRIBE is longer.*lopy-topic/);
  });

  it('of a CONNECT beyond 255 bytes is refused, and the log says what to shorten', async () => {
    const will = { topic: long, payload: 'p'.repeat(250), qos: 0, retain: false };
    const device = await opened('lopy-too-long', { oneByteLengths: true, will });
    void device.connect().catch(() => {}); // the device waits for its four bytes
    await device.raw.closed();
    expect(device.raw.pending()).toHaveLength(0);
    await hinted(/needs more than 255/);
  });

  it('is not there in new copies: a CONNECT and a SUBSCRIBE of 300 bytes are ordinary', async () => {
    const will = { topic: long, payload: 'p'.repeat(250), qos: 0, retain: false };
    const device = await connected('umqtt-long', { will });
    expect(await device.subscribe(`${long}${'y'.repeat(200)}`)).toBe(0);
  });
});

describe('umqtt.robust', () => {
  it('reconnects with clean session 0, does not subscribe again, and takes over its half-open connection', async () => {
    const from = await connected('robust-from');
    const stale = await opened('robust');
    expect(await stale.connect(false)).toBe(0);
    await stale.subscribe('robust/a', 1);
    const again = await opened('robust');
    expect(await again.connect(false)).toBe(1);
    await stale.raw.closed();
    await from.publish('robust/a', 'after', 1);
    expect(await again.next()).toMatchObject({ payload: 'after', qos: 1 });
    again.vanish();
    await from.publish('robust/a', 'while away', 1);
    const third = await opened('robust');
    expect(await third.connect(false)).toBe(1);
    expect(await third.next()).toMatchObject({ payload: 'while away', qos: 1 });
  });

  it('whose first connect was clean finds no subscriptions after the second', async () => {
    const first = await connected('robust-clean');
    await first.subscribe('robust/b', 1);
    first.vanish();
    const second = await opened('robust-clean');
    expect(await second.connect(false)).toBe(0);
    second.vanish();
    expect(await (await opened('robust-clean')).connect(false)).toBe(1);
  });

  it('publishes again without DUP: at QoS 1 that is two messages, and both are acknowledged', async () => {
    const watcher = await connected('robust-watcher');
    await watcher.subscribe('robust/c', 1);
    const device = await connected('robust-again');
    await device.publish('robust/c', 'same', 1);
    device.packetId -= 1; // the PUBACK was lost, and so was the count
    await device.publish('robust/c', 'same', 1);
    expect([(await watcher.next()).payload, (await watcher.next()).payload]).toEqual(['same', 'same']);
  });

  it('is told 20 02 00 04 or 05 by a wrong password, and tries again for ever: each time the same answer', async () => {
    const device = () => opened('robust-wrong', { user: 'nobody', password: 'guess' });
    for (let n = 0; n < 3; n++) await expect((await device()).connect(false)).rejects.toThrow(/MQTTException\([45]\)/);
  });
});
