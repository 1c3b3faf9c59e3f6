import * as net from 'node:net';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';

/** What the little broker does to those who connect; enough of MQTT to hold the command line's clients against. */
export type TinyBrokerOptions = {
  readonly credentials?: { readonly username: string; readonly password: string };
  /** SUBACK's code for a filter; default the asked QoS. */
  readonly grant?: (filter: string, qos: number) => number;
  /** Reason code of a PUBACK (5.0). */
  readonly publishReason?: number;
  /** Sent right behind the CONNACK, as to a kept session. */
  readonly queued?: readonly { readonly topic: string; readonly payload: string }[];
};

export type TinyBroker = {
  readonly port: number;
  /** All packets that came, oldest first. */
  readonly received: Packet[];
  readonly published: () => readonly { topic: string; payload: string; qos: number; retain: boolean }[];
  /** Closes every connection; the listener stays. */
  readonly cutAll: () => void;
  readonly close: () => Promise<void>;
};

/** Listens on loopback; echoes each PUBLISH to all who have subscribed to anything. */
export async function startTinyBroker(options: TinyBrokerOptions = {}): Promise<TinyBroker> {
  const received: Packet[] = [];
  const sockets = new Set<net.Socket>();
  const subscribers = new Map<net.Socket, 3 | 4 | 5>();

  const server = net.createServer((socket) => {
    sockets.add(socket);
    let version: 3 | 4 | 5 = 4;
    const send = (packet: Packet) => socket.write(generate(packet, { protocolVersion: version }));
    const input = parser();
    socket.on('data', (chunk) => input.parse(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      subscribers.delete(socket);
    });
    input.on('error', () => socket.destroy());
    input.on('packet', (packet) => {
      received.push(packet);
      if (packet.cmd === 'connect') {
        version = packet.protocolVersion ?? 4;
        const refused = isRefused(options, packet.username, packet.password);
        send({ cmd: 'connack', sessionPresent: false, returnCode: refused ? 4 : 0, reasonCode: refused ? 134 : 0 });
        if (refused) socket.end();
        for (const { topic, payload } of options.queued ?? []) {
          send({ cmd: 'publish', topic, payload, qos: 1, messageId: 7, dup: false, retain: false });
        }
      } else if (packet.cmd === 'publish') {
        const { messageId = 0 } = packet;
        if (packet.qos === 1) send({ cmd: 'puback', messageId, reasonCode: options.publishReason ?? 0 });
        if (packet.qos === 2) send({ cmd: 'pubrec', messageId });
        for (const [other, otherVersion] of subscribers) other.write(echo(packet, otherVersion));
      } else if (packet.cmd === 'pubrel') {
        send({ cmd: 'pubcomp', messageId: packet.messageId ?? 0 });
      } else if (packet.cmd === 'subscribe') {
        subscribers.set(socket, version);
        const granted = packet.subscriptions.map(({ topic, qos }) => options.grant?.(topic, qos) ?? qos);
        send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
      } else if (packet.cmd === 'pingreq') {
        send({ cmd: 'pingresp' });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as net.AddressInfo).port,
    received,
    published: () =>
      received.flatMap((packet) =>
        packet.cmd === 'publish'
          ? [{ topic: packet.topic, payload: packet.payload.toString(), qos: packet.qos, retain: packet.retain }]
          : [],
      ),
    cutAll: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function isRefused({ credentials }: TinyBrokerOptions, username?: string, password?: Buffer | string): boolean {
  if (credentials === undefined) return false;
  return username !== credentials.username || password?.toString() !== credentials.password;
}

function echo({ topic, payload, retain }: IPublishPacket, version: 3 | 4 | 5): Buffer {
  return generate({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain }, { protocolVersion: version });
}
