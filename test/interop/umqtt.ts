import { openRaw, type RawClient } from '../tooling/index.ts';

export type UmqttOptions = {
  readonly user?: string;
  readonly password?: string;
  readonly keepAliveS?: number;
  readonly will?: { readonly topic: string; readonly payload: string; readonly qos: number; readonly retain: boolean };
  /** Lengths of CONNECT and SUBSCRIBE in one byte, as in pycom's library and old copies of umqtt. */
  readonly oneByteLengths?: boolean;
};

export type UmqttMessage = {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
};

/** What a device throws: the program on it ends there, or begins again. */
class DeviceError extends Error {}

/**
 * MQTTClient of umqtt.simple, as it behaves on the wire: a write for each piece of a packet, one topic a SUBSCRIBE, packet
 * identifiers that are counted without end and cut to 16 bits, answers that have to be exactly as long as expected.
 */
export class Umqtt {
  readonly raw: RawClient;
  readonly received: UmqttMessage[] = [];
  /** First bytes of everything that came. */
  readonly operations: number[] = [];
  packetId = 0;
  readonly #clientId: string;
  readonly #options: UmqttOptions;

  private constructor(raw: RawClient, clientId: string, options: UmqttOptions) {
    this.raw = raw;
    this.#clientId = clientId;
    this.#options = options;
  }

  static async open(port: number, clientId: string, options: UmqttOptions = {}): Promise<Umqtt> {
    return new Umqtt(await openRaw(port), clientId, options);
  }

  /** Answers the session-present bit. */
  async connect(cleanSession = true): Promise<number> {
    const { user, password, keepAliveS = 0, will } = this.#options;
    const head = Buffer.from([...Buffer.from('\0\x04MQTT\x04\0'), keepAliveS >> 8, keepAliveS & 0xff]);
    let flags = cleanSession ? 2 : 0;
    const fields = [this.#clientId];
    if (will) {
      flags |= 0x4 | ((will.qos & 1) << 3) | ((will.qos & 2) << 3) | (will.retain ? 0x20 : 0);
      fields.push(will.topic, will.payload);
    }
    if (user !== undefined) {
      flags |= 0xc0;
      fields.push(user, password ?? '');
    }
    head[7] = flags;
    const length = fields.reduce((sum, text) => sum + 2 + Buffer.byteLength(text), head.length);
    await this.#write(Buffer.from([0x10, ...this.#length(length), ...head]));
    for (const text of fields) await this.#writeText(text);
    const answer = await this.raw.take(4);
    if (answer[0] !== 0x20 || answer[1] !== 2) throw new DeviceError(`not a CONNACK: ${answer.toString('hex')}`);
    if (answer[3] !== 0) throw new DeviceError(`MQTTException(${answer[3]})`);
    return (answer[2] as number) & 1;
  }

  async publish(topic: string, payload: string, qos: 0 | 1 = 0, retain = false): Promise<void> {
    const bytes = Buffer.from(payload);
    const length = 2 + Buffer.byteLength(topic) + bytes.length + (qos > 0 ? 2 : 0);
    await this.#write(Buffer.from([0x30 | (qos << 1) | (retain ? 1 : 0), ...varint(length)]));
    await this.#writeText(topic);
    if (qos > 0) {
      this.packetId += 1;
      await this.#write(u16(this.packetId));
    }
    await this.#write(bytes);
    while (qos === 1) {
      const operation = await this.waitMessage();
      if (operation !== 0x40) continue;
      const answer = await this.raw.take(3);
      if (answer[0] !== 2) throw new DeviceError(`PUBACK of length ${answer[0]}`);
      // Beyond 65,535 this is never true: the device waits for ever.
      if (answer.readUInt16BE(1) === this.packetId) return;
      throw new DeviceError('waits for a PUBACK that never comes');
    }
  }

  async subscribe(topic: string, qos: 0 | 1 = 0): Promise<number> {
    this.packetId += 1;
    const id = u16(this.packetId);
    await this.#write(Buffer.from([0x82, ...this.#length(5 + Buffer.byteLength(topic)), ...id]));
    await this.#writeText(topic);
    await this.#write(Buffer.of(qos));
    for (;;) {
      if ((await this.waitMessage()) !== 0x90) continue;
      const [length, high, low, code = -1] = await this.raw.take(4);
      if (length !== 3 || high !== id[0] || low !== id[1]) throw new DeviceError('SUBACK of something else');
      if (code === 0x80) throw new DeviceError('MQTTException(128)');
      return code;
    }
  }

  /** One packet: a PUBLISH goes to `received`, a PINGRESP away; of any other the first byte, the rest is left unread. */
  async waitMessage(): Promise<number | null> {
    const operation = (await this.raw.take(1))[0] as number;
    this.operations.push(operation);
    if (operation === 0xd0) {
      if ((await this.raw.take(1))[0] !== 0) throw new DeviceError('PINGRESP with a body');
      return null;
    }
    if ((operation & 0xf0) !== 0x30) return operation;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = (await this.raw.take(1))[0] as number;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const topic = await this.raw.take((await this.raw.take(2)).readUInt16BE(0));
    const qos = (operation >> 1) & 3;
    const id = qos > 0 ? await this.raw.take(2) : Buffer.alloc(0);
    const payload = await this.raw.take(length - 2 - topic.length - id.length);
    this.received.push({ topic: topic.toString(), payload: payload.toString(), qos, retain: (operation & 1) === 1 });
    if (qos === 1) await this.#write(Buffer.from([0x40, 2, ...id]));
    if (qos === 2) throw new DeviceError('AssertionError');
    return operation;
  }

  /** The next message to a subscription. */
  async next(): Promise<UmqttMessage> {
    while (this.received.length === 0) await this.waitMessage();
    return this.received.shift() as UmqttMessage;
  }

  async ping(): Promise<void> {
    await this.#write(Buffer.of(0xc0, 0));
  }

  async disconnect(): Promise<void> {
    await this.#write(Buffer.of(0xe0, 0));
    this.raw.socket.end();
  }

  /** Power is gone. */
  vanish(): void {
    this.raw.socket.resetAndDestroy();
  }

  #length(length: number): readonly number[] {
    return this.#options.oneByteLengths ? [length & 0xff] : varint(length);
  }

  async #writeText(text: string): Promise<void> {
    await this.#write(u16(Buffer.byteLength(text)));
    await this.#write(Buffer.from(text));
  }

  /** A segment of its own for each write. */
  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.raw.socket.write(bytes, (error) => (error ? reject(error) : setImmediate(resolve)));
    });
  }
}

function u16(value: number): Buffer {
  return Buffer.of((value >> 8) & 0xff, value & 0xff);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}
