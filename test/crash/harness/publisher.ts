import type { Packet } from '../../../src/codec/index.ts';
import { ackBytes, type Level, publishBytes, unsubscribeBytes } from '../../conformance/client.ts';
import { createAckQueue } from './ack-queue.ts';
import { createStream, type Stream } from './ledger.ts';
import { BARRIER, createPeer, type Peer } from './peer.ts';
import type { Run } from './run-state.ts';

export type PublisherSpec = {
  readonly name: string;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly level: Level;
  readonly perSecond: number;
  /** False: a client without a session, which forgets what was under way when the connection is lost. */
  readonly resends: boolean;
  readonly retain?: boolean;
  /** Bytes that are added to each message. */
  readonly pad?: number;
  /** QoS 1 and 2 messages under way. */
  readonly window: number;
};

export type Publisher = {
  readonly stream: Stream;
  readonly peer: Peer;
  /** Sends what is due by its rate, and acknowledgements that were held. */
  readonly pump: (nowMs: number) => void;
  /** Sends so many at once, as far as its window lets it. */
  readonly burst: (count: number) => void;
  /** Goes on publishing, or publishes nothing new. */
  readonly setActive: (active: boolean) => void;
  readonly underWay: () => number;
};

type UnderWay = { readonly number: number; readonly id: number; stage: 'publish' | 'pubrel' };

/** What was not sent for want of a connection is not made up for. */
const MAX_DUE = 20;

/** The message's number, as JSON if there is something beside it: history has it as field `value` either way. */
export function payloadOf(number: number, pad: number): string {
  return pad === 0 ? String(number) : `{"value":${number},"pad":"${'x'.repeat(pad)}"}`;
}

export function numberOf(payload: Buffer): number {
  return payload[0] === 0x7b ? (JSON.parse(payload.toString()) as { value: number }).value : Number(payload.toString());
}

/** A client that publishes 0, 1, 2, ... and sends again after a reconnect as paho does: same identifiers, DUP, PUBREL. */
export function createPublisher(run: Run, spec: PublisherSpec): Publisher {
  const { name, topic, qos, level, resends, retain = false, pad = 0 } = spec;
  const stream = createStream(run, { name, topic, qos, resends });
  /** By identifier, in the order of sending. */
  const underWay = new Map<number, UnderWay>();
  let lastId = 0;
  let active = true;
  let due = 0;
  let pumpedAtMs = performance.now();
  /** QoS 0: numbers before this were sent before the barrier whose answer is awaited; null: none is. */
  let sentBefore: number | null = null;
  let surelyTaken = 0;

  const peer = createPeer(run, {
    id: name,
    level,
    clean: !resends,
    onUp() {
      if (!resends) underWay.clear();
      surelyTaken = stream.sent();
      for (const message of underWay.values()) {
        if (message.stage === 'pubrel') peer.send(ackBytes('pubrel', message.id));
        else {
          stream.sendAgain(message.number);
          run.trace(name, `again #${message.number} id ${message.id}`);
          peer.send(bytesOf(message.number, message.id, true));
        }
      }
    },
    onPacket,
    onDown() {
      pubrels.clear();
      sentBefore = null;
    },
  });
  const pubrels = createAckQueue(run.random, 100, peer.send);

  function bytesOf(number: number, id: number, dup: boolean): Buffer {
    return publishBytes(level, topic, payloadOf(number, pad), { qos, id, retain, dup });
  }

  function onPacket(packet: Packet): void {
    if (packet.type === 'unsuback') {
      if (qos !== 0 || sentBefore === null) return;
      for (; surelyTaken < sentBefore; surelyTaken++) stream.acknowledge(surelyTaken, peer.begunMs());
      sentBefore = null;
      return;
    }
    if (packet.type !== 'puback' && packet.type !== 'pubrec' && packet.type !== 'pubcomp') return;
    const { packetId, reason, type } = packet;
    const message = underWay.get(packetId);
    // A PUBCOMP may say 0x92 to a PUBREL that was sent again: the exchange was over.
    if (reason >= 0x80 && type !== 'pubcomp') {
      run.fault('session faults', `${name}: ${type} with reason ${reason} for identifier ${packetId}`);
      underWay.delete(packetId);
      return;
    }
    if (type === 'pubrec') {
      if (message !== undefined) {
        message.stage = 'pubrel';
        stream.acknowledge(message.number);
        run.trace(name, `pubrec #${message.number} id ${packetId}`);
      }
      pubrels.push(ackBytes('pubrel', packetId));
      return;
    }
    if (message === undefined) return;
    run.trace(name, `${type} #${message.number} id ${packetId}`);
    stream.acknowledge(message.number);
    underWay.delete(packetId);
  }

  function publish(): void {
    const number = stream.send();
    let id = 0;
    if (qos > 0) {
      do lastId = (lastId % 65_535) + 1;
      while (underWay.has(lastId));
      id = lastId;
      underWay.set(id, { number, id, stage: 'publish' });
    }
    peer.send(bytesOf(number, id, false));
  }

  function pump(nowMs: number): void {
    pubrels.pump(nowMs);
    const passedMs = nowMs - pumpedAtMs;
    pumpedAtMs = nowMs;
    if (!active || !peer.isUp()) return;
    due = Math.min(due + (passedMs / 1000) * spec.perSecond, MAX_DUE);
    for (; due >= 1 && underWay.size < spec.window; due -= 1) publish();
    askWhatWasTaken();
  }

  function askWhatWasTaken(): void {
    if (qos !== 0 || sentBefore !== null || !peer.isUp()) return;
    sentBefore = stream.sent();
    peer.send(unsubscribeBytes(level, BARRIER, ['nothing']));
  }

  return {
    stream,
    peer,
    pump,
    burst(count) {
      for (let n = 0; n < count && peer.isUp() && underWay.size < spec.window; n++) publish();
      askWhatWasTaken();
    },
    setActive(next) {
      active = next;
      due = 0;
    },
    underWay: () => underWay.size,
  };
}
