import { nowMicros } from '../measure/clock.ts';
import { type Histogram, record } from '../measure/histogram.ts';
import { accept, createChecker, type SequenceChecker } from '../measure/sequence.ts';
import type { SubscriberPlan } from '../plan.ts';
import { type LoadQos, PUBLISH, putPuback } from '../wire/encode.ts';
import { getPublisher, getSent, getSequence } from '../wire/payload.ts';
import { openLink } from './link.ts';

/** One receiver, which checks everything that it is given. */
export type Subscriber = {
  readonly plan: SubscriberPlan;
  readonly checker: SequenceChecker;
  readonly received: () => number;
  /** Monotonic µs of its latest delivery; 0 before the first. */
  readonly lastAt: () => number;
  readonly close: () => void;
};

export type SubscriberSetup = {
  readonly port: number;
  readonly clientId: string;
  readonly qos: LoadQos;
  readonly payloadBytes: number;
  /** Latencies go here when the message was sent at or after `latencyFrom()`. */
  readonly latencies: Histogram;
  readonly latencyFrom: () => number;
  readonly arrived: (publisher: number, sequence: number) => void;
  readonly chunkEnd: () => void;
  readonly fault: (text: string) => void;
};

/** Connects and subscribes one receiver. */
export async function openSubscriber(plan: SubscriberPlan, setup: SubscriberSetup): Promise<Subscriber> {
  const { qos, payloadBytes, latencies } = setup;
  const checker = createChecker(plan.firstPublisher, plan.publisherCount);
  let received = 0;
  let chunkAt = 0;
  let pubacks = Buffer.allocUnsafe(4 * 1024);
  let pubackEnd = 0;

  const packet = (first: number, buffer: Uint8Array, start: number, end: number): void => {
    // QoS of the load, no RETAIN; DUP would be a second delivery, which the sequence shows.
    if (first >> 4 !== PUBLISH || (first & 0b0111) !== qos << 1)
      throw new Error(`unexpected first byte ${first} at a subscriber`);
    let at = start + 2 + ((buffer[start]! << 8) | buffer[start + 1]!);
    if (qos === 1) {
      if (pubackEnd === pubacks.length) sendPubacks();
      pubackEnd = putPuback(pubacks, pubackEnd, (buffer[at]! << 8) | buffer[at + 1]!);
      at += 2;
    }
    if (end - at !== payloadBytes) throw new Error(`a payload of ${end - at} bytes instead of ${payloadBytes}`);
    const publisher = getPublisher(buffer, at);
    const sequence = getSequence(buffer, at);
    received += 1;
    if (accept(checker, publisher, sequence)) setup.arrived(publisher, sequence);
    const sentAt = getSent(buffer, at);
    if (sentAt >= setup.latencyFrom()) record(latencies, chunkAt - sentAt);
  };
  const sendPubacks = (): void => {
    if (pubackEnd === 0) return;
    link.socket.write(pubacks.subarray(0, pubackEnd));
    // The socket may still hold the piece that was written: go on behind it, and take a fresh buffer when this one is used up.
    pubacks = pubacks.subarray(pubackEnd);
    if (pubacks.length < 1024) pubacks = Buffer.allocUnsafe(4 * 1024);
    pubackEnd = 0;
  };

  const link = await openLink(setup.port, setup.clientId, {
    chunkStart: () => {
      chunkAt = nowMicros();
    },
    packet,
    chunkEnd: () => {
      sendPubacks();
      setup.chunkEnd();
    },
    fault: setup.fault,
  });
  await link.subscribe(plan.filter, qos);
  return { plan, checker, received: () => received, lastAt: () => (received === 0 ? 0 : chunkAt), close: link.close };
}
