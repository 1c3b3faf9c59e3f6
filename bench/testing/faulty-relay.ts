import { createServer, type Socket } from 'node:net';
import { CONNACK, PUBLISH } from '../wire/encode.ts';
import { createFraming, feed } from '../wire/framing.ts';

/** What the relay does wrong with the n-th message it is given (from 0): how many times it goes out, or that it waits for the next. */
export type Misbehaviour = (n: number) => 'once' | 'lose' | 'twice' | 'swap';

/** A relay for tests that knows just enough MQTT for a load: QoS 0 and 1, filters that are a topic or end with `+`. */
export type FaultyRelay = { readonly port: number; readonly close: () => Promise<void> };

const SUBSCRIBE = 8;
const CONNECT = 1;

/** Starts a relay on a port of the system's choice; without `misbehave` it is a good one. */
export async function startFaultyRelay(misbehave: Misbehaviour = () => 'once'): Promise<FaultyRelay> {
  const subscriptions: { readonly socket: Socket; readonly filter: string }[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  let held: Uint8Array[] = [];

  const deliver = (topic: string, packet: Uint8Array): void => {
    for (const { socket, filter } of subscriptions) {
      if (filter === topic || (filter.endsWith('+') && topic.startsWith(filter.slice(0, -1)))) socket.write(packet);
    }
  };
  const publish = (topic: string, packet: Uint8Array): void => {
    const what = misbehave(count);
    count += 1;
    if (what === 'swap') {
      held.push(packet);
      return;
    }
    if (what !== 'lose') deliver(topic, packet);
    if (what === 'twice') deliver(topic, packet);
    for (const late of held) deliver(topic, late);
    held = [];
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    const framing = createFraming();
    socket.on('error', () => socket.destroy());
    socket.on('data', (data: Buffer) =>
      feed(framing, data, data.length, (first, buffer, start, end) => {
        const type = first >> 4;
        const text = (at: number): string => {
          const length = (buffer[at]! << 8) | buffer[at + 1]!;
          return Buffer.from(buffer.subarray(at + 2, at + 2 + length)).toString();
        };
        if (type === CONNECT) socket.write(Buffer.from([CONNACK << 4, 2, 0, 0]));
        if (type === SUBSCRIBE) {
          subscriptions.push({ socket, filter: text(start + 2) });
          socket.write(Buffer.from([0x90, 3, buffer[start]!, buffer[start + 1]!, buffer[end - 1]!]));
        }
        if (type !== PUBLISH) return;
        const topic = text(start);
        const idAt = start + 2 + topic.length;
        if ((first & 2) !== 0) socket.write(Buffer.from([0x40, 2, buffer[idAt]!, buffer[idAt + 1]!]));
        // The load's packets are shorter than 128 bytes, so their fixed header has two.
        publish(topic, Buffer.concat([Buffer.from([first, end - start]), buffer.subarray(start, end)]));
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
