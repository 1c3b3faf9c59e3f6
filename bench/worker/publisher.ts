import { nowMicros } from '../measure/clock.ts';
import type { PublisherPlan } from '../plan.ts';
import { encodePublish, type LoadQos, PUBACK } from '../wire/encode.ts';
import { blankPayload, copySent, MAX_SEQUENCE, putSent, putSequence } from '../wire/payload.ts';
import { type Link, openLink } from './link.ts';

/**
 * One publisher. Its packets are encoded once, `window` of them side by side in one buffer, so that a burst is one write;
 * only sequence and time are patched. A slot is used again when its message has arrived (and at QoS 1 was acknowledged),
 * so it cannot be overwritten while it still waits in the socket, and its packet identifier can stay for ever.
 */
export type Publisher = {
  readonly id: number;
  /** Whole messages handed to the socket. */
  readonly sent: () => number;
  /** True when the broker owes no acknowledgement. */
  readonly acknowledged: () => boolean;
  /** All receivers of process `worker` have had the first `reached` messages. Does not send; call `pump`. */
  readonly credit: (worker: number, reached: number) => void;
  readonly start: () => void;
  /** Sends as much as the window allows, between start and stop. */
  readonly pump: () => void;
  readonly stop: () => void;
  readonly close: () => void;
};

export type PublisherSetup = {
  readonly port: number;
  readonly clientId: string;
  readonly qos: LoadQos;
  readonly window: number;
  readonly payloadBytes: number;
  readonly fault: (text: string) => void;
};

/** Connects one publisher. It sends nothing before `start`. */
export async function openPublisher(plan: PublisherPlan, setup: PublisherSetup): Promise<Publisher> {
  const { qos, window } = setup;
  const slots = encodeSlots(plan, setup);
  const slotBytes = slots.length / window;
  const payloadAt = slotBytes - setup.payloadBytes;
  const reached = new Map(plan.receiverWorkers.map((worker) => [worker, 0]));
  let delivered = 0;
  let acked = 0;
  let sent = 0;
  let running = false;

  const packet = (first: number, buffer: Uint8Array, start: number): void => {
    if (first >> 4 !== PUBACK) throw new Error(`unexpected packet with first byte ${first} at a publisher`);
    const id = (buffer[start]! << 8) | buffer[start + 1]!;
    // PUBACKs come in the order of the PUBLISH packets [MQTT-4.6.0-2].
    if (id !== (acked % window) + 1 || acked >= sent)
      throw new Error(`PUBACK ${id} when ${(acked % window) + 1} was due`);
    acked += 1;
  };
  const pump = (): void => {
    if (!running) return;
    const settled = qos === 0 ? delivered : Math.min(delivered, acked);
    const count = settled + window - sent;
    if (count <= 0) return;
    const first = sent % window;
    const source = first * slotBytes + payloadAt;
    putSent(slots, source, nowMicros());
    for (let i = 0; i < count; i += 1) {
      const at = ((first + i) % window) * slotBytes + payloadAt;
      putSequence(slots, at, sent + i);
      if (i > 0) copySent(slots, source, at);
    }
    sent += count;
    if (sent >= MAX_SEQUENCE - window) running = false;
    writeSlots(link, slots, slotBytes, first, count, window);
  };

  const events = { chunkStart: () => {}, packet, chunkEnd: () => pump(), fault: setup.fault };
  const link = await openLink(setup.port, setup.clientId, events);
  return {
    id: plan.id,
    sent: () => sent,
    acknowledged: () => qos === 0 || acked === sent,
    credit: (worker, upTo) => {
      reached.set(worker, upTo);
      delivered = reached.size === 1 ? upTo : Math.min(...reached.values());
    },
    start: () => {
      running = true;
      pump();
    },
    pump,
    stop: () => {
      running = false;
    },
    close: link.close,
  };
}

function encodeSlots(plan: PublisherPlan, setup: PublisherSetup): Buffer {
  const payload = blankPayload(plan.id, setup.payloadBytes);
  const packets = Array.from({ length: setup.window }, (_, slot) =>
    encodePublish(plan.topic, payload, setup.qos, slot + 1),
  );
  return Buffer.concat(packets);
}

function writeSlots(link: Link, slots: Buffer, slotBytes: number, first: number, count: number, window: number): void {
  const straight = Math.min(count, window - first);
  if (straight === count) {
    link.socket.write(slots.subarray(first * slotBytes, (first + count) * slotBytes));
    return;
  }
  // The ring's end is passed: corked, the two pieces leave in one system call.
  link.socket.cork();
  link.socket.write(slots.subarray(first * slotBytes));
  link.socket.write(slots.subarray(0, (count - straight) * slotBytes));
  link.socket.uncork();
}
