import { connect as connectTo, type Socket } from 'node:net';
import { decodePacket, newFrame, type Packet, type PacketKind, readFrame } from '../../src/codec/index.ts';
import { field, packet, text } from './packets.ts';

export type Level = 3 | 4 | 5;
export const LEVELS: readonly Level[] = [3, 4, 5];
/** A CONNECT that means 3 says MQIsdp. */
export const versionName = (level: Level): string => ({ 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5.0' })[level];

type Bytes = readonly number[] | Buffer;

export const u16 = (value: number): number[] => [value >> 8, value & 0xff];
export const u32 = (value: number): number[] => [value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff];

/** Properties with their length before them; `parts` are identifier and value, as bytes. */
export function properties(...parts: readonly Bytes[]): Buffer {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return packet(0, bytes).subarray(1);
}

export type WillSpec = {
  readonly topic: string;
  readonly payload?: string;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly properties?: Bytes;
};

export type ConnectSpec = {
  readonly level?: Level;
  readonly id?: string;
  /** Default true. */
  readonly clean?: boolean;
  readonly keepAlive?: number;
  readonly will?: WillSpec;
  readonly username?: string;
  readonly password?: string;
  /** Of MQTT 5.0, without their length. */
  readonly properties?: Bytes;
};

/** A CONNECT that keeps the rules. */
export function connectBytes(spec: ConnectSpec = {}): Buffer {
  const { level = 5, id = '', clean = true, keepAlive = 0, will, username, password } = spec;
  let flags = clean ? 2 : 0;
  if (will) flags |= 4 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0);
  if (username !== undefined) flags |= 0x80;
  if (password !== undefined) flags |= 0x40;
  const parts: Bytes[] = [text(level === 3 ? 'MQIsdp' : 'MQTT'), [level, flags], u16(keepAlive)];
  if (level === 5) parts.push(properties(spec.properties ?? []));
  parts.push(text(id));
  if (will) {
    if (level === 5) parts.push(properties(will.properties ?? []));
    parts.push(text(will.topic), text(will.payload ?? ''));
  }
  if (username !== undefined) parts.push(text(username));
  if (password !== undefined) parts.push(text(password));
  return packet(0x10, ...parts);
}

export type PublishSpec = {
  readonly qos?: 0 | 1 | 2;
  readonly id?: number;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly properties?: Bytes;
};

export function publishBytes(level: Level, topic: string, payload: string | Buffer, spec: PublishSpec = {}): Buffer {
  const { qos = 0, id = 1, retain = false, dup = false } = spec;
  return packet(
    0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0),
    text(topic),
    qos > 0 ? u16(id) : [],
    level === 5 ? properties(spec.properties ?? []) : [],
    Buffer.from(payload),
  );
}

/** `filters`: the filter and its options byte. */
export function subscribeBytes(
  level: Level,
  id: number,
  filters: readonly (readonly [filter: string, options: number])[],
  ofPacket: Bytes = [],
): Buffer {
  const body = filters.flatMap(([filter, options]) => [text(filter), [options]]);
  return packet(0x82, u16(id), level === 5 ? properties(ofPacket) : [], ...body);
}

export function unsubscribeBytes(level: Level, id: number, filters: readonly string[]): Buffer {
  return packet(0xa2, u16(id), level === 5 ? properties() : [], ...filters.map(text));
}

/** PUBACK, PUBREC, PUBREL (with its flags) or PUBCOMP in the short form. */
export function ackBytes(kind: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', id: number): Buffer {
  return packet({ puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 }[kind], u16(id));
}

export const PINGREQ = Buffer.of(0xc0, 0);
export const DISCONNECT = Buffer.of(0xe0, 0);
export { field, packet, text };

type Of<K extends PacketKind> = Extract<Packet, { type: K }>;

/** A client that a test drives packet by packet; what it sends may be right or wrong. */
export type Client = {
  readonly level: Level;
  readonly socket: Socket;
  readonly send: (...packets: readonly Uint8Array[]) => void;
  /** Sends each byte in a write of its own. */
  readonly sendSlowly: (bytes: Uint8Array) => Promise<void>;
  /** The next packet of the broker, which has to be of this kind. */
  readonly take: <K extends PacketKind>(kind: K, withinMs?: number) => Promise<Of<K>>;
  /** Every packet that came before the answer to a PINGREQ that is sent now. */
  readonly drain: (withinMs?: number) => Promise<readonly Packet[]>;
  /** Waits for the end of the connection; what came before it. */
  readonly end: (withinMs?: number) => Promise<readonly Packet[]>;
  /** The same, as bytes. */
  readonly endBytes: (withinMs?: number) => Promise<Buffer>;
  /** Resolves when at least one more packet or the end of the connection has come. */
  readonly anything: (withinMs?: number) => Promise<Packet | null>;
  readonly destroy: () => void;
  readonly subscribe: (filter: string, options?: number, ofPacket?: Bytes) => Promise<number>;
  /** Publishes and waits until the broker has it. */
  readonly publish: (topic: string, payload: string | Buffer, spec?: PublishSpec) => Promise<void>;
};

/** Opens a connection without sending anything. */
export async function open(port: number, level: Level): Promise<Client> {
  const socket = connectTo({ host: '127.0.0.1', port, noDelay: true });
  let received: Buffer = Buffer.alloc(0);
  let isClosed = false;
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    wake();
  });
  socket.on('close', () => {
    isClosed = true;
    wake();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => {}); // a reset is an end too
      resolve();
    });
  });

  const frame = newFrame();
  const decodeNext = (): Packet | null => {
    if (readFrame(received, 0, received.length, frame) !== 1) return null;
    const { firstByte, bodyStart, bodyEnd } = frame;
    const bytes = received;
    received = bytes.subarray(bodyEnd);
    return decodePacket(bytes, firstByte, bodyStart, bodyEnd, level);
  };
  /** Looks again whenever something came; null when the connection is over first. */
  const until = async <T>(what: string, withinMs: number, look: () => T | null): Promise<T | null> => {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const found = look();
      if (found !== null || isClosed) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw new Error(`waited ${withinMs} ms for ${what}; there is ${received.toString('hex', 0, 200) || 'nothing'}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const next = async (what: string, withinMs = 5000): Promise<Packet> => {
    const found = await until(what, withinMs, decodeNext);
    if (found === null) throw new Error(`the connection was closed instead of ${what}`);
    return found;
  };

  let packetId = 0;
  const client: Client = {
    level,
    socket,
    send: (...packets) => void socket.write(Buffer.concat(packets)),
    async sendSlowly(bytes) {
      for (const byte of bytes) {
        await new Promise<void>((resolve) => socket.write(Buffer.of(byte), () => setImmediate(resolve)));
      }
    },
    async take(kind, withinMs) {
      const found = await next(kind, withinMs);
      if (found.type !== kind) throw new Error(`${JSON.stringify(found)} came instead of ${kind}`);
      return found as Of<typeof kind>;
    },
    async drain(withinMs) {
      socket.write(PINGREQ);
      const before: Packet[] = [];
      for (;;) {
        const found = await next('PINGRESP', withinMs);
        if (found.type === 'pingresp') return before;
        before.push(found);
      }
    },
    async end(withinMs = 5000) {
      await until('the end of the connection', withinMs, () => null);
      const packets: Packet[] = [];
      for (let found = decodeNext(); found !== null; found = decodeNext()) packets.push(found);
      if (received.length > 0) throw new Error(`half a packet: ${received.toString('hex')}`);
      return packets;
    },
    async endBytes(withinMs = 5000) {
      await until('the end of the connection', withinMs, () => null);
      return received;
    },
    anything: (withinMs = 5000) => until('anything', withinMs, decodeNext),
    destroy: () => void socket.destroy(),
    async subscribe(filter, options = 0, ofPacket = []) {
      packetId += 1;
      const id = 1000 + packetId;
      socket.write(subscribeBytes(level, id, [[filter, options]], ofPacket));
      const suback = await client.take('suback');
      if (suback.packetId !== id) throw new Error(`SUBACK for ${suback.packetId} instead of ${id}`);
      return suback.reasons[0] as number;
    },
    async publish(topic, payload, spec = {}) {
      packetId += 1;
      const id = spec.id ?? packetId;
      socket.write(publishBytes(level, topic, payload, { ...spec, id }));
      if (spec.qos === 1) await client.take('puback');
      else if (spec.qos === 2) {
        await client.take('pubrec');
        socket.write(ackBytes('pubrel', id));
        await client.take('pubcomp');
      } else {
        const before = await client.drain();
        if (before.length > 0) throw new Error(`unexpected: ${JSON.stringify(before)}`);
      }
    },
  };
  return client;
}

/** Clients of one test, closed together. */
export function clientsOf(port: () => number) {
  const opened: Client[] = [];
  return {
    async open(level: Level = 5): Promise<Client> {
      const client = await open(port(), level);
      opened.push(client);
      return client;
    },
    /** Connects and takes the CONNACK, which has to be a success. */
    async connect(spec: ConnectSpec = {}): Promise<Client & { readonly connack: Of<'connack'> }> {
      const client = await this.open(spec.level ?? 5);
      client.send(connectBytes(spec));
      const connack = await client.take('connack');
      if (connack.reason !== 0) throw new Error(`CONNECT refused: ${JSON.stringify(connack)}`);
      return Object.assign(client, { connack });
    },
    closeAll(): void {
      for (const client of opened.splice(0)) client.destroy();
    },
  };
}
