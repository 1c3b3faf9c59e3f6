import { existsSync, readFileSync } from 'node:fs';
import { ackBytes, type Client, clientsOf, publishBytes } from '../../conformance/client.ts';
import { type RunningSonde, startSonde, waitFor } from '../../tooling/index.ts';
import type { DiskEvent, DiskRecord } from './disk-record.ts';

/** Publishers, each with a topic of its own: numbers at QoS 1 and 2, and one that sends words. */
export const PUBLISHERS = [
  { topic: 'cut/one', qos: 1, payload: (n: number) => String(n) },
  { topic: 'cut/two', qos: 2, payload: (n: number) => String(n) },
  { topic: 'cut/words', qos: 1, payload: (n: number) => `word ${n}` },
  { topic: 'cut/json', qos: 2, payload: (n: number) => JSON.stringify({ n, more: -n }) },
] as const;

/** What comes before: so many messages at QoS 1, each of so many numbers. Each checkpoint after it has metadata to write over. */
const OLDER = { topic: 'cut/older', messages: 1500, numbers: 64 };
/** All topics, in the order of their identifiers. */
export const TOPICS = [...PUBLISHERS.map(({ topic }) => topic), OLDER.topic];
/** How many are acknowledged in all, with so many bursts. */
export const acknowledgedIn = (bursts: number): number => PUBLISHERS.length * 3 * 3 * bursts + OLDER.messages;

/** A publisher's messages have identifiers of its own: an acknowledgement tells whose it is. */
export const IDS_EACH = 10_000;

/** The identifier of a message, by its topic and its payload or what history made of it. */
export function idOf(topic: string, value: string): number {
  return TOPICS.indexOf(topic) * IDS_EACH + Number(/\d+/.exec(value)?.[0]);
}

const BLOCK = 256 * 1024;

/**
 * The checkpoints of history that write a block anew in its place, and the events at which a power cut may tear that: from the first
 * write to a place that has been written before until the sync that follows has ended.
 */
export function checkpointsIn(events: readonly DiskEvent[]): {
  readonly count: number;
  readonly tearable: readonly number[];
} {
  const tearable: number[] = [];
  const written = new Set<number>();
  let count = 0;
  let isUnderWay = false;
  let write: { readonly event: number; readonly inode: string } | null = null;
  for (const [n, event] of events.entries()) {
    if (event.do === 'rename' && event.to.endsWith('.journal')) isUnderWay = true;
    if (isUnderWay && event.do === 'write' && event.bytes.length === BLOCK) {
      if (written.has(event.at)) write ??= { event: n, inode: event.inode };
      written.add(event.at);
    }
    if (event.do !== 'sync' || event.inode !== write?.inode) continue;
    count += 1;
    const { event: first } = write;
    const last = events.findIndex((later, at) => at > n && later.do === 'end' && later.call === event.call);
    tearable.push(...Array.from({ length: last - first }, (_, i) => first + i));
    isUnderWay = false;
    write = null;
  }
  return { count, tearable };
}

/**
 * Sonde with history, in lives that end in each way there is, while all publish; all that both of its processes ask of the disk is in
 * one record, and what is sent on the connections too.
 */
export async function liveWithHistory(record: DiskRecord, dataDir: string, bursts: number): Promise<void> {
  const env = { ...record.env, DISK_RECORD_SOCKETS: '1' };
  await liveBefore(dataDir, env);
  const sent = PUBLISHERS.map(() => 0);
  for (const ending of ['history', 'stop', 'kill'] as const) {
    const sonde = await startSonde({ dataDir, history: 'duckdb', env });
    const clients = clientsOf(() => sonde.mqttPort);
    try {
      const publishing = PUBLISHERS.map(async (publisher, index) => {
        const client = await clients.connect({ level: 4, id: `publisher-${index}` });
        for (let burst = 0; burst < bursts; burst++) {
          const ids = Array.from({ length: 3 }, () => index * IDS_EACH + ++(sent as number[])[index]!);
          await publishAll(client, publisher, ids);
          if (burst === bursts >> 1 && index === 0 && ending === 'history') process.kill(historyOf(sonde), 'SIGKILL');
          // A commit comes every 150 ms: the load is to last for some.
          await new Promise((resolve) => setTimeout(resolve, 15));
        }
      });
      await Promise.all(publishing);
      if (ending === 'history') await waitFor('history to have all', async () => (await queuedIn(sonde)) === 0, 30_000);
      clients.closeAll();
      const history = historyOf(sonde);
      await (ending === 'stop' ? sonde.stop() : sonde.kill());
      await waitFor('the history process to end by itself', () => !existsSync(`/proc/${history}`), 20_000);
    } finally {
      clients.closeAll();
      await sonde.kill();
    }
  }
}

/** A life with points enough for metadata, that ends with a stop. */
async function liveBefore(dataDir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const sonde = await startSonde({ dataDir, history: 'duckdb', env });
  const clients = clientsOf(() => sonde.mqttPort);
  try {
    const client = await clients.connect({ level: 4, id: 'older' });
    for (let sent = 0; sent < OLDER.messages; sent += 50) {
      const numbers = Array.from({ length: 50 }, (_, i) => sent + i + 1);
      client.send(
        ...numbers.map((n) =>
          publishBytes(4, OLDER.topic, olderPayload(n), { qos: 1, id: PUBLISHERS.length * IDS_EACH + n }),
        ),
      );
      for (const _ of numbers) await client.take('puback');
    }
    await waitFor('history to have all', async () => (await queuedIn(sonde)) === 0, 30_000);
    clients.closeAll();
    await sonde.stop();
  } finally {
    clients.closeAll();
    await sonde.kill();
  }
}

function olderPayload(n: number): string {
  const values = Array.from({ length: OLDER.numbers }, (_, i) => [`x${i}`, Math.sin(n * (i + 1))]);
  return JSON.stringify({ n, ...Object.fromEntries(values) });
}

async function publishAll(
  client: Client,
  { topic, qos, payload }: (typeof PUBLISHERS)[number],
  ids: readonly number[],
) {
  client.send(...ids.map((id) => publishBytes(4, topic, payload(id % IDS_EACH), { qos, id })));
  for (const _ of ids) {
    if (qos === 1) await client.take('puback');
    else client.send(ackBytes('pubrel', (await client.take('pubrec')).packetId));
  }
  if (qos === 2) for (const _ of ids) await client.take('pubcomp');
}

/** Messages of QoS 1 and 2 that history has not recorded yet. */
export async function queuedIn(sonde: RunningSonde): Promise<number> {
  const metrics = await (await fetch(`${sonde.url}/metrics`)).text();
  return Number(/^sonde_history_queued_messages (\d+)/m.exec(metrics)?.[1] ?? -1);
}

function historyOf(sonde: RunningSonde): number {
  const children = readFileSync(`/proc/${sonde.pid}/task/${sonde.pid}/children`, 'utf8').trim().split(' ');
  const found = children.find((pid) => /history/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')));
  if (found === undefined) throw new Error('there is no history process');
  return Number(found);
}

/** For each event the identifiers of the PUBACKs and PUBRECs that begin to go out with it; each write has whole packets. */
export function acksIn(events: readonly DiskEvent[]): readonly (readonly number[])[] {
  // Other sockets are there too: of HTTP, and between the processes.
  const isMqtt = new Set<string>();
  return events.map((event) => {
    if (event.do !== 'send') return [];
    const { bytes, socket } = event;
    if (bytes.length >= 4 && bytes.readUInt32BE(0) === 0x20020000) isMqtt.add(socket);
    const ids: number[] = [];
    for (let at = 0; isMqtt.has(socket) && at + 4 <= bytes.length && bytes[at + 1] === 2; at += 4) {
      if (bytes[at] === 0x40 || bytes[at] === 0x50) ids.push(bytes.readUInt16BE(at + 2));
    }
    return ids;
  });
}
