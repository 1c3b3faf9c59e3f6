import { PUBLISH, putPuback } from '../wire/encode.ts';
import { openLink } from './link.ts';

/** A subscriber at QoS 1 that hands over every message as text. */
export type Watcher = { readonly failure: () => string; readonly close: () => void };

/** Connects, subscribes to `filter` and calls `take` for each message. */
export async function openWatcher(
  port: number,
  clientId: string,
  filter: string,
  take: (topic: string, payload: string) => void,
): Promise<Watcher> {
  let failure = '';
  const packet = (first: number, buffer: Uint8Array, start: number, end: number): void => {
    if (first >> 4 !== PUBLISH) return;
    const topicEnd = start + 2 + ((buffer[start]! << 8) | buffer[start + 1]!);
    const qos = (first >> 1) & 3;
    if (qos > 0) {
      const ack = Buffer.alloc(4);
      putPuback(ack, 0, (buffer[topicEnd]! << 8) | buffer[topicEnd + 1]!);
      link.socket.write(ack);
    }
    const text = (from: number, to: number): string => Buffer.from(buffer.subarray(from, to)).toString();
    take(text(start + 2, topicEnd), text(topicEnd + (qos > 0 ? 2 : 0), end));
  };
  const fault = (text: string): void => {
    failure ||= text;
  };
  const link = await openLink(port, clientId, { chunkStart: () => {}, packet, chunkEnd: () => {}, fault });
  await link.subscribe(filter, 1);
  return { failure: () => failure, close: link.close };
}
