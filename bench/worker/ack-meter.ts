import { nowMicros } from '../measure/clock.ts';
import { createHistogram, type Histogram, record } from '../measure/histogram.ts';
import { encodePublish, PUBACK } from '../wire/encode.ts';
import { openLink } from './link.ts';

/** A client that publishes at QoS 1 when told, and measures the time until each PUBACK. */
export type AckMeter = {
  readonly send: () => void;
  /** From now on the delays go into a new histogram; the one until now is returned. */
  readonly take: () => Histogram;
  readonly waiting: () => number;
  readonly failure: () => string;
  readonly close: () => void;
};

/** Identifiers in use at once; a broker that leaves more messages unacknowledged has failed anyway. */
const IDENTIFIERS = 60_000;

/** Connects a meter that publishes numbers on `topic`. */
export async function openAckMeter(port: number, clientId: string, topic: string): Promise<AckMeter> {
  const sentAt = new Float64Array(IDENTIFIERS);
  let delays = createHistogram();
  let sent = 0;
  let acked = 0;
  let failure = '';
  const packet = (first: number, buffer: Uint8Array, start: number): void => {
    const slot = ((buffer[start]! << 8) | buffer[start + 1]!) - 1;
    if (first >> 4 !== PUBACK || slot !== acked % IDENTIFIERS)
      throw new Error(`unexpected packet ${first}, identifier ${slot + 1}`);
    record(delays, nowMicros() - sentAt[slot]!);
    acked += 1;
  };
  const fault = (text: string): void => {
    failure ||= text;
  };
  const link = await openLink(port, clientId, { chunkStart: () => {}, packet, chunkEnd: () => {}, fault });
  return {
    send: () => {
      if (sent - acked >= IDENTIFIERS) {
        failure ||= `${IDENTIFIERS} messages wait for their PUBACK`;
        return;
      }
      const slot = sent % IDENTIFIERS;
      sentAt[slot] = nowMicros();
      link.socket.write(encodePublish(topic, Buffer.from(String(sent)), 1, slot + 1));
      sent += 1;
    },
    take: () => {
      const taken = delays;
      delays = createHistogram();
      return taken;
    },
    waiting: () => sent - acked,
    failure: () => failure,
    close: link.close,
  };
}
