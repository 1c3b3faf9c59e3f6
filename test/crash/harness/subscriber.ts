import type { Packet } from '../../../src/codec/index.ts';
import { ackBytes, type Level, subscribeBytes } from '../../conformance/client.ts';
import { createAckQueue } from './ack-queue.ts';
import type { Receipts, Stream } from './ledger.ts';
import { createPeer, type Peer } from './peer.ts';
import { numberOf } from './publisher.ts';
import type { Run } from './run-state.ts';

export type Subscriber = {
  readonly name: string;
  readonly peer: Peer;
  readonly receipts: Receipts;
  readonly pump: (nowMs: number) => void;
  /** Its SUBACK was seen. */
  readonly isSubscribed: () => boolean;
  /** QoS 2 identifiers whose exchange is not over. */
  readonly unfinished: () => number;
};

export type SubscriberSpec = {
  readonly name: string;
  readonly level: Level;
  readonly filter: string;
  readonly receipts: Receipts;
  /** One acknowledgement in so many begins a pause; 0: it is always prompt. */
  readonly holdOneIn: number;
};

/**
 * A persistent client as paho is with its persistence: a QoS 2 message goes to the application once, its identifier is kept
 * until PUBREL [MQTT-4.3.3-2], also over a reconnect. It subscribes once and relies on its session from then on.
 */
export function createSubscriber(
  run: Run,
  { name, level, filter, receipts, holdOneIn }: SubscriberSpec,
  streamOf: (topic: string) => Stream | undefined,
): Subscriber {
  let subscribed = false;
  const held = new Set<number>();
  const peer = createPeer(run, {
    id: name,
    level,
    onUp(sessionPresent) {
      if (!sessionPresent) held.clear();
      if (!subscribed) peer.send(subscribeBytes(level, 1, [[filter, receipts.qos]]));
    },
    onPacket,
    onDown: () => acks.clear(),
  });
  const acks = createAckQueue(run.random, holdOneIn, peer.send);

  function onPacket(packet: Packet): void {
    switch (packet.type) {
      case 'suback':
        if ((packet.reasons[0] ?? 0x80) >= 0x80) run.fault('subscription faults', `${name}: SUBSCRIBE refused`);
        subscribed = true;
        return;
      case 'publish':
        onPublish(packet);
        return;
      case 'pubrel':
        held.delete(packet.packetId);
        acks.push(ackBytes('pubcomp', packet.packetId));
        return;
      default:
    }
  }

  function onPublish({ topic, payload, qos, packetId, dup }: Extract<Packet, { type: 'publish' }>): void {
    const stream = streamOf(topic);
    const number = numberOf(payload);
    run.trace(name, `publish ${stream?.name} #${number} qos ${qos} id ${packetId}${dup ? ' dup' : ''}`);
    if (qos < 2 || !held.has(packetId)) {
      if (stream === undefined) run.fault('subscription faults', `${name} got a message of ${topic}`);
      else receipts.got(stream, number);
    }
    if (qos === 1) acks.push(ackBytes('puback', packetId));
    if (qos === 2) {
      held.add(packetId);
      acks.push(ackBytes('pubrec', packetId));
    }
  }

  return {
    name,
    peer,
    receipts,
    pump: acks.pump,
    isSubscribed: () => subscribed,
    unfinished: () => held.size,
  };
}
