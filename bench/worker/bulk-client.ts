import { encodePublish, type LoadQos, PUBACK } from '../wire/encode.ts';
import { openLink } from './link.ts';

/** A client that publishes given payloads as fast as the broker takes them. */
export type BulkClient = {
  /** Publishes `payloadOf(0)` to `payloadOf(count - 1)`; resolves when the broker has taken (QoS 1: acknowledged) all. */
  readonly publishAll: (topic: string, count: number, payloadOf: (n: number) => Uint8Array) => Promise<void>;
  readonly close: () => void;
};

const PINGREQ = Buffer.from([0xc0, 0x00]);
const PINGRESP = 13;
/** Bytes gathered for one write. */
const BURST_BYTES = 32 * 1024;

/** Connects a client; at QoS 1 at most `window` messages wait for their PUBACK. */
export async function openBulkClient(
  port: number,
  clientId: string,
  qos: LoadQos,
  window: number,
): Promise<BulkClient> {
  let acked = 0;
  let failure = '';
  let wake = (): void => {};
  let pings = 0;
  const packet = (first: number, buffer: Uint8Array, start: number): void => {
    if (first >> 4 === PINGRESP) {
      pings += 1;
      return;
    }
    const id = (buffer[start]! << 8) | buffer[start + 1]!;
    if (first >> 4 !== PUBACK || id !== (acked % 65_535) + 1)
      throw new Error(`unexpected packet ${first}, identifier ${id}`);
    acked += 1;
  };
  const fault = (text: string): void => {
    failure = text;
    wake();
  };
  const link = await openLink(port, clientId, { chunkStart: () => {}, packet, chunkEnd: () => wake(), fault });
  link.socket.on('drain', () => wake());
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      if (failure !== '') throw new Error(failure);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  const publishAll: BulkClient['publishAll'] = async (topic, count, payloadOf) => {
    const base = acked;
    const limit = (sent: number): number => (qos === 1 ? Math.min(count, acked - base + window) : count) - sent;
    let sent = 0;
    while (sent < count) {
      await until(() => limit(sent) > 0 && !link.socket.writableNeedDrain);
      const packets: Uint8Array[] = [];
      for (let bytes = 0; limit(sent) > 0 && bytes < BURST_BYTES; sent += 1) {
        const one = encodePublish(topic, payloadOf(sent), qos, ((base + sent) % 65_535) + 1);
        packets.push(one);
        bytes += one.length;
      }
      link.socket.write(Buffer.concat(packets));
    }
    if (qos === 1) return await until(() => acked === base + count);
    // The broker reads in order: once it answers this, it has read everything before.
    const before = pings;
    link.socket.write(PINGREQ);
    await until(() => pings > before);
  };
  return { publishAll, close: link.close };
}
