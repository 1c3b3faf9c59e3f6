import { nowMicros } from '../measure/clock.ts';
import { PUBLISH, putPuback } from '../wire/encode.ts';
import { getPublisher, getSequence } from '../wire/payload.ts';
import { AWAY, type DurableReport, type DurableRequest, FILTER } from './durable-messages.ts';
import { publishUntilCut } from './durable-publishers.ts';
import { type Link, openLink } from './link.ts';

// A process that publishes, or that takes what waited for a session.
const QUIET_MS = 1000;

process.on('message', (request: DurableRequest) => {
  const run = request.step === 'publish' ? publishUntilCut(request, say) : away(request);
  run.catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => {});

function say(report: DurableReport): void {
  process.send?.(report);
}

async function away(request: Exclude<DurableRequest, { step: 'publish' }>): Promise<void> {
  if (request.step === 'drain') return await drain(request.port, request.acked);
  const nothing = { chunkStart: () => {}, packet: () => {}, chunkEnd: () => {}, fault: () => {} };
  const link = await openLink(request.port, AWAY, nothing, false);
  await link.subscribe(FILTER, 1);
  link.close();
  say({ said: 'subscribed' });
}

/** Takes messages until all that was acknowledged has come and then nothing for a second, or nothing for 10 s. */
async function drain(port: number, acked: readonly number[]): Promise<void> {
  const next = acked.map(() => 0);
  const seen = { received: 0, twice: 0, outOfOrder: 0 };
  const puback = Buffer.alloc(4);
  let acks: Buffer[] = [];
  let firstMicros = 0;
  let lastMicros = 0;
  let link: Link | null = null;
  link = await openLink(
    port,
    AWAY,
    {
      chunkStart: () => {},
      packet(first, buffer, start, end) {
        if (first >> 4 !== PUBLISH) return;
        const topicEnd = start + 2 + ((buffer[start]! << 8) | buffer[start + 1]!);
        const publisher = getPublisher(buffer, topicEnd + 2);
        const sequence = getSequence(buffer, topicEnd + 2);
        const expected = next[publisher];
        if (expected === undefined || end <= topicEnd) throw new Error('a message of somebody else');
        seen.received += 1;
        if (sequence < expected) seen.twice += 1;
        else if (sequence > expected) seen.outOfOrder += 1;
        if (sequence >= expected) next[publisher] = sequence + 1;
        putPuback(puback, 0, (buffer[topicEnd]! << 8) | buffer[topicEnd + 1]!);
        acks.push(Buffer.from(puback));
      },
      chunkEnd() {
        if (acks.length === 0) return;
        lastMicros = nowMicros();
        if (firstMicros === 0) firstMicros = lastMicros;
        if (link === null) return;
        link.socket.write(Buffer.concat(acks));
        acks = [];
      },
      fault(text) {
        throw new Error(text);
      },
    },
    false,
  );
  // What came with CONNACK had no link yet to be acknowledged on.
  if (acks.length > 0) link.socket.write(Buffer.concat(acks.splice(0)));
  const startedAt = nowMicros();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const quietMs = (nowMicros() - Math.max(lastMicros, startedAt)) / 1000;
    const isAll = acked.every((count, publisher) => next[publisher]! >= count);
    if (quietMs > (isAll ? QUIET_MS : QUIET_MS * 10)) break;
  }
  const lost = acked.reduce((sum, count, publisher) => sum + Math.max(0, count - next[publisher]!), 0);
  say({ said: 'drained', ...seen, lost: lost + seen.outOfOrder, micros: Math.max(0, lastMicros - firstMicros) });
}
