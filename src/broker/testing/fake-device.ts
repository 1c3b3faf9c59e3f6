import type { Remote } from '../../access/index.ts';
import type { Connect, Packet, Version } from '../../codec/index.ts';
import { decodePacket, EMPTY_PROPERTIES, encodePacket, newFrame, readFrame } from '../../codec/index.ts';
import type { Broker, Connection, Wire } from '../index.ts';

const REMOTE: Remote = { address: '127.0.0.1', port: 1, transport: 'tcp', local: true };

/** A device on a wire of memory: what it sends goes into the broker at once, what it gets is kept as packets. */
export class FakeDevice {
  readonly received: Packet[] = [];
  readonly connection: Connection;
  readonly version: Version;
  closed = false;
  paused = false;
  /** False: the kernel takes nothing, as for a peer that does not read. */
  reading = true;
  #bytes: Buffer = Buffer.alloc(0);
  #waiting: Buffer[] = [];

  constructor(broker: Broker, version: Version = 4, address = REMOTE.address) {
    this.version = version;
    const wire: Wire = {
      remote: { ...REMOTE, address },
      write: (buffers) => {
        if (!this.reading) {
          for (const buffer of buffers) this.#waiting.push(Buffer.from(buffer));
          return false;
        }
        for (const buffer of buffers) this.#take(buffer);
        return true;
      },
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
      },
      end: () => this.#close(),
      destroy: () => this.#close(),
    };
    const connection = broker.open(wire);
    if (!connection) throw new Error('no room for a connection');
    this.connection = connection;
  }

  /** Opens a connection and signs in. */
  static async connected(broker: Broker, options: Partial<Connect> = {}, address?: string): Promise<FakeDevice> {
    const device = new FakeDevice(broker, options.version ?? 4, address);
    device.connect(options);
    await settled();
    return device;
  }

  connect(options: Partial<Connect> = {}): void {
    this.send({
      type: 'connect',
      version: this.version,
      bridge: false,
      clientId: 'device',
      clean: true,
      keepAlive: 0,
      username: null,
      password: null,
      will: null,
      properties: EMPTY_PROPERTIES,
      ...options,
    });
  }

  send(packet: Packet): void {
    this.sendBytes(encodePacket(packet, this.version));
  }

  sendBytes(bytes: Buffer): void {
    this.connection.receive(bytes, bytes.length);
  }

  subscribe(filter: string, qos: 0 | 1 | 2 = 0, more: { noLocal?: boolean; retainHandling?: 0 | 1 | 2 } = {}): void {
    this.send({
      type: 'subscribe',
      packetId: 1,
      properties: EMPTY_PROPERTIES,
      subscriptions: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0, ...more }],
    });
  }

  publish(topic: string, payload: string, qos: 0 | 1 | 2 = 0, packetId = 1, retain = false): void {
    const id = qos === 0 ? -1 : packetId;
    const body = Buffer.from(payload);
    const rest = { retain, dup: false, packetId: id, properties: EMPTY_PROPERTIES };
    this.send({ type: 'publish', topic, payload: body, qos, ...rest });
  }

  puback(packetId: number): void {
    this.send({ type: 'puback', packetId, reason: 0, properties: EMPTY_PROPERTIES });
  }

  /** The network drops it without a word. */
  drop(): void {
    this.#close();
  }

  /** The peer reads again all that waited. */
  readAgain(): void {
    this.reading = true;
    for (const bytes of this.#waiting.splice(0)) this.#take(bytes);
    this.connection.onWritten();
  }

  /** Payloads of the PUBLISH packets that came, in order. */
  get payloads(): string[] {
    return this.received.flatMap((packet) => (packet.type === 'publish' ? [packet.payload.toString()] : []));
  }

  of<T extends Packet['type']>(type: T): Extract<Packet, { type: T }>[] {
    return this.received.filter((packet): packet is Extract<Packet, { type: T }> => packet.type === type);
  }

  #take(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const frame = newFrame();
    let at = 0;
    while (readFrame(this.#bytes, at, this.#bytes.length, frame) === 1) {
      const { firstByte, bodyStart, bodyEnd } = frame;
      this.received.push(decodePacket(this.#bytes, firstByte, bodyStart, bodyEnd, this.version));
      at = bodyEnd;
    }
    this.#bytes = this.#bytes.subarray(at);
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.connection.onClosed();
  }
}

/** Resolves when the turns that are scheduled now, and what they schedule, are over. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}
