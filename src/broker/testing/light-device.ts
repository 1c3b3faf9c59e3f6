import type { Connect, Packet } from '../../codec/index.ts';
import { EMPTY_PROPERTIES, encodePacket } from '../../codec/index.ts';
import type { Broker, Connection, Wire } from '../index.ts';

/** A 3.1.1 client of which ten thousand cost next to nothing: it counts bytes, and looks at none of them unless it is told to. */
export class LightDevice {
  readonly connection: Connection;
  bytes = 0;
  closed = false;
  /** False: the kernel takes nothing. */
  reading = true;
  onBytes: (bytes: Buffer) => void = () => {};

  constructor(broker: Broker, clientId: string, more: Partial<Connect> = {}) {
    const wire: Wire = {
      remote: { address: '127.0.0.1', port: 1, transport: 'tcp', local: true },
      write: (buffers) => {
        for (const buffer of buffers) {
          this.bytes += buffer.length;
          this.onBytes(buffer);
        }
        return this.reading;
      },
      pause: () => {},
      resume: () => {},
      end: () => this.drop(),
      destroy: () => this.drop(),
    };
    const connection = broker.open(wire);
    if (!connection) throw new Error('no room for a connection');
    this.connection = connection;
    const rest = { keepAlive: 0, username: null, password: null, will: null, properties: EMPTY_PROPERTIES };
    this.send({ type: 'connect', version: 4, bridge: false, clientId, clean: true, ...rest, ...more });
  }

  send(packet: Packet): void {
    const bytes = encodePacket(packet, 4);
    this.connection.receive(bytes, bytes.length);
  }

  subscribe(filter: string, qos: 0 | 1 | 2): void {
    const subscription = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.send({ type: 'subscribe', packetId: 1, properties: EMPTY_PROPERTIES, subscriptions: [subscription] });
  }

  publish(topic: string, payload: Buffer, qos: 0 | 1 | 2, packetId: number, retain = false): void {
    const id = qos === 0 ? -1 : packetId;
    const properties = EMPTY_PROPERTIES;
    this.send({ type: 'publish', topic, payload, qos, retain, dup: false, packetId: id, properties });
  }

  puback(packetId: number): void {
    this.send({ type: 'puback', packetId, reason: 0, properties: EMPTY_PROPERTIES });
  }

  drop(): void {
    if (this.closed) return;
    this.closed = true;
    this.connection.onClosed();
  }
}
