import { nowMicros } from '../measure/clock.ts';
import { encodePublish, PUBACK } from '../wire/encode.ts';
import { blankPayload, putSequence } from '../wire/payload.ts';
import type { DurableReport, DurableRequest } from './durable-messages.ts';
import { type Link, openLink } from './link.ts';

/** Messages of one write. */
const BURST = 50;
const REPORT_MS = 200;
const MAX_ID = 65_535;

type Publisher = { sent: number; acked: number; readonly pump: () => void };

/** Publishes until the broker is gone; says how many were acknowledged meanwhile and then. */
export async function publishUntilCut(
  request: Extract<DurableRequest, { step: 'publish' }>,
  say: (report: DurableReport) => void,
): Promise<void> {
  let gone = 0;
  const publishers: Publisher[] = [];
  for (let n = 0; n < request.publishers; n++) {
    publishers.push(
      await openPublisher(request, n, () => {
        gone += 1;
        if (gone < publishers.length) return;
        clearInterval(timer);
        say({ said: 'cut', acked: publishers.map(({ acked }) => acked), sent: publishers.map(({ sent }) => sent) });
      }),
    );
  }
  const timer = setInterval(() => {
    const total = publishers.reduce((sum, { acked }) => sum + acked, 0);
    say({ said: 'acked', total, atMicros: nowMicros() });
  }, REPORT_MS);
  for (const { pump } of publishers) pump();
}

async function openPublisher(
  { port, window, payloadBytes }: Extract<DurableRequest, { step: 'publish' }>,
  number: number,
  onCut: () => void,
): Promise<Publisher> {
  const payload = blankPayload(number, payloadBytes);
  const one = encodePublish(`bench/durable/${number}`, payload, 1, 1);
  const payloadAt = one.length - payload.length;
  const burst = Buffer.concat(Array.from({ length: BURST }, () => one));
  const publisher = { sent: 0, acked: 0, pump };
  let link: Link | null = null;

  function pump(): void {
    while (link !== null && !link.socket.writableNeedDrain) {
      const count = Math.min(BURST, window - (publisher.sent - publisher.acked));
      if (count < Math.min(BURST, window)) return; // whole bursts: fewer, larger writes
      const bytes = Buffer.from(burst.subarray(0, count * one.length));
      for (let i = 0; i < count; i++) {
        const at = i * one.length;
        const id = (publisher.sent % MAX_ID) + 1;
        bytes[at + payloadAt - 2] = id >> 8;
        bytes[at + payloadAt - 1] = id & 0xff;
        putSequence(bytes, at + payloadAt, publisher.sent);
        publisher.sent += 1;
      }
      link.socket.write(bytes);
    }
  }

  link = await openLink(port, `bench-durable-${number}`, {
    chunkStart: () => {},
    packet(first, buffer, start) {
      const id = (buffer[start]! << 8) | buffer[start + 1]!;
      if (first >> 4 !== PUBACK || id !== (publisher.acked % MAX_ID) + 1)
        throw new Error(`PUBACK out of order: packet ${first}, identifier ${id}`);
      publisher.acked += 1;
    },
    chunkEnd: pump,
    fault: onCut,
  });
  link.socket.on('drain', pump);
  return publisher;
}
