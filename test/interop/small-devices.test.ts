import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openRaw, type RawClient, type RunningSonde, startSonde } from '../tooling/index.ts';

/**
 * A client with the ways of MicroPython's umqtt.simple on an ESP8266: keep alive 0, one-byte lengths, several small
 * writes a packet, one topic a SUBSCRIBE, packet identifiers that count up and are cut to 16 bits.
 */
class TinyClient {
  readonly #raw: RawClient;
  #identifier = 0;

  constructor(raw: RawClient) {
    this.#raw = raw;
  }

  async connect(
    clientId: string,
    options: { clean?: boolean; will?: { topic: string; payload: string } } = {},
  ): Promise<boolean> {
    const { clean = true, will } = options;
    const flags = (clean ? 2 : 0) | (will ? 4 : 0);
    const body = Buffer.concat([
      Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, flags, 0, 0]),
      text(clientId),
      ...(will ? [text(will.topic), text(will.payload)] : []),
    ]);
    await this.#raw.sendSlowly(Buffer.from([0x10, body.length]));
    await this.#raw.sendSlowly(body);
    const answer = await this.#raw.take(4);
    // It asserts exactly this; anything else is an exception on the device.
    expect([...answer.subarray(0, 2)]).toEqual([0x20, 2]);
    expect(answer[3]).toBe(0);
    return (answer[2] ?? 0) === 1;
  }

  setIdentifier(value: number): void {
    this.#identifier = value;
  }

  async publish(topic: string, payload: string, qos: 0 | 1 = 0, retain = false): Promise<void> {
    const name = text(topic);
    const length = name.length + payload.length + (qos > 0 ? 2 : 0);
    await this.#raw.sendSlowly(Buffer.from([0x30 | (qos << 1) | (retain ? 1 : 0), length]));
    await this.#raw.sendSlowly(name);
    if (qos > 0) {
      this.#identifier = (this.#identifier + 1) & 0xffff;
      await this.#raw.sendSlowly(Buffer.from([this.#identifier >> 8, this.#identifier & 0xff]));
    }
    await this.#raw.sendSlowly(Buffer.from(payload));
    if (qos === 0) return;
    expect(await this.#raw.take(4)).toEqual(Buffer.from([0x40, 2, this.#identifier >> 8, this.#identifier & 0xff]));
  }

  /** Answers what the broker granted. A PUBLISH that comes before SUBACK is skipped, as the device does. */
  async subscribe(filter: string, qos: 0 | 1 = 0): Promise<number> {
    this.#identifier += 1;
    const name = text(filter);
    const identifier = Buffer.from([this.#identifier >> 8, this.#identifier & 0xff]);
    this.#raw.send(Buffer.concat([Buffer.from([0x82, 2 + name.length + 1]), identifier, name, Buffer.of(qos)]));
    for (;;) {
      const [first = 0, length = 0] = await this.#raw.take(2);
      const body = await this.#raw.take(length);
      if (first >> 4 === 3) continue;
      expect(first).toBe(0x90);
      expect(body.subarray(0, 2)).toEqual(identifier);
      return body[2] ?? -1;
    }
  }

  /** The next message; QoS 1 is acknowledged with `40 02 id id`. QoS 2 is what the device cannot take. */
  async waitMessage(): Promise<{ topic: string; payload: string; qos: number; retain: boolean }> {
    const [first = 0, length = 0] = await this.#raw.take(2);
    expect(first & 0xf0).toBe(0x30);
    const body = await this.#raw.take(length);
    const topicEnd = 2 + body.readUInt16BE(0);
    const qos = (first >> 1) & 3;
    if (qos > 0) this.#raw.send(Buffer.concat([Buffer.from([0x40, 2]), body.subarray(topicEnd, topicEnd + 2)]));
    return {
      topic: body.toString('utf8', 2, topicEnd),
      payload: body.toString('utf8', topicEnd + (qos > 0 ? 2 : 0)),
      qos,
      retain: (first & 1) === 1,
    };
  }

  vanish(): void {
    this.#raw.socket.resetAndDestroy();
  }

  async disconnect(): Promise<void> {
    this.#raw.send(Buffer.from([0xe0, 0]));
    await this.#raw.closed();
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

describe('a small device', () => {
  let sonde: RunningSonde;
  const open: RawClient[] = [];
  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(() => sonde?.stop());
  afterEach(() => {
    for (const client of open.splice(0)) client.destroy();
  });

  async function device(): Promise<TinyClient> {
    const raw = await openRaw(sonde.mqttPort);
    open.push(raw);
    return new TinyClient(raw);
  }

  it('gets its own value back on the topic that it listens to', async () => {
    const client = await device();
    expect(await client.connect('micropython')).toBe(false);
    expect(await client.subscribe('/sensors/temperature')).toBe(0);
    await client.publish('/sensors/temperature', '22.25');
    expect(await client.waitMessage()).toEqual({
      topic: '/sensors/temperature',
      payload: '22.25',
      qos: 0,
      retain: false,
    });
    await client.disconnect();
  });

  it('has each QoS 1 publish acknowledged with four bytes', async () => {
    const client = await device();
    await client.connect('tiny-acks');
    for (let n = 0; n < 20; n += 1) await client.publish('tiny/acks', String(n), 1);
    await client.disconnect();
  });

  it('is never given QoS 2', async () => {
    const client = await device();
    const other = await openRaw(sonde.mqttPort);
    open.push(other);
    await client.connect('tiny-two');
    expect(await client.subscribe('tiny/two', 1)).toBe(1);
    const connect = Buffer.concat([
      Buffer.from([0x10, 10 + 7, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0]),
      text('other'),
    ]);
    other.send(connect);
    await other.take(4);
    other.send(
      Buffer.concat([Buffer.from([0x34, 10 + 2 + 1]), text('tiny/two'), Buffer.from([0, 9]), Buffer.from('x')]),
    );
    expect(await other.take(4)).toEqual(Buffer.from([0x50, 2, 0, 9]));
    other.send(Buffer.from([0x62, 2, 0, 9]));
    expect(await other.take(4)).toEqual(Buffer.from([0x70, 2, 0, 9]));
    expect(await client.waitMessage()).toMatchObject({ payload: 'x', qos: 1 });
  });

  it('finds its subscriptions and messages when it comes back without clean session, as umqtt.robust does', async () => {
    const first = await device();
    expect(await first.connect('robust', { clean: false })).toBe(false);
    expect(await first.subscribe('tiny/robust', 1)).toBe(1);
    first.vanish();
    const other = await device();
    await other.connect('robust-other');
    await other.publish('tiny/robust', 'while away', 1);
    const again = await device();
    expect(await again.connect('robust', { clean: false })).toBe(true);
    expect(await again.waitMessage()).toMatchObject({ payload: 'while away', qos: 1 });
  });

  it('takes over from its own half-open connection', async () => {
    const stale = await openRaw(sonde.mqttPort);
    open.push(stale);
    await new TinyClient(stale).connect('same-id');
    const fresh = await device();
    await fresh.connect('same-id');
    await stale.closed();
    await fresh.publish('tiny/same', 'alive', 1);
    await fresh.disconnect();
  });

  it('has its will published when it vanishes and not when it says goodbye', async () => {
    const watcher = await device();
    await watcher.connect('will-watcher');
    await watcher.subscribe('tiny/will/#');
    const polite = await device();
    await polite.connect('will-polite', { will: { topic: 'tiny/will/polite', payload: 'gone' } });
    await polite.disconnect();
    const vanishing = await device();
    await vanishing.connect('will-vanish', { will: { topic: 'tiny/will/vanished', payload: 'gone' } });
    vanishing.vanish();
    expect(await watcher.waitMessage()).toMatchObject({ topic: 'tiny/will/vanished', payload: 'gone' });
  });

  it('keeps its connection when its packet identifiers have run over to 0', async () => {
    const client = await device();
    await client.connect('tiny-overflow');
    client.setIdentifier(0xfffe);
    await client.publish('tiny/overflow', 'last good one', 1);
    await client.publish('tiny/overflow', 'identifier 0', 1);
    await client.publish('tiny/overflow', 'identifier 1', 1);
    await client.disconnect();
  });

  it('may use leading slashes, blanks and other alphabets in topics', async () => {
    const client = await device();
    await client.connect('tiny-topics');
    for (const topic of ['/sensors/humidité', 'salle 12/température', '/', '//']) {
      expect(await client.subscribe(topic)).toBe(0);
      await client.publish(topic, 'here');
      // Byte length and character length differ here: the payload must be whole.
      expect(await client.waitMessage()).toMatchObject({ topic, payload: 'here' });
    }
  });
});
