import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { connectBytes, open, publishBytes } from '../conformance/client.ts';
import { type RunningSonde, waitFor } from '../tooling/index.ts';

/** A client that publishes 0, 1, 2, ... to a topic until it is stopped or the connection ends. */
export type Publisher = {
  readonly topic: string;
  /** Numbers that were sent so far. */
  readonly sent: () => number;
  /** Each acknowledged number (QoS 1), with the monotonic time of its PUBACK. */
  readonly acknowledged: ReadonlyMap<number, number>;
  /** Sends no more and waits for what is not acknowledged yet. */
  readonly finish: (withinMs?: number) => Promise<void>;
  /** The connection is over, whoever ended it. */
  readonly destroy: () => void;
};

const EVERY_MS = 5;
/** Messages under way at QoS 1; a publisher waits when there are more. */
const WINDOW = 500;

/** Starts one that sends `perSecond` messages at the most. */
export async function startPublisher(port: number, topic: string, qos: 0 | 1, perSecond: number): Promise<Publisher> {
  const client = await open(port, 4);
  client.send(connectBytes({ level: 4, id: `publisher-${topic.replaceAll('/', '-')}` }));
  await client.take('connack');
  let sent = 0;
  let stopped = false;
  const acknowledged = new Map<number, number>();
  const since = performance.now();

  const timer = setInterval(() => {
    if (stopped || client.socket.destroyed) return;
    const due = Math.floor(((performance.now() - since) / 1000) * perSecond);
    const packets: Buffer[] = [];
    for (let n = 0; n < 200 && sent < due; n++) {
      if (qos === 1 && sent - acknowledged.size >= WINDOW) break;
      packets.push(publishBytes(4, topic, String(sent), { qos, id: (sent % 65_535) + 1 }));
      sent += 1;
    }
    if (packets.length > 0) client.send(...packets);
  }, EVERY_MS);

  const read = async (): Promise<void> => {
    for (;;) {
      const packet = await client.anything(120_000);
      if (packet === null) break;
      if (packet.type !== 'puback') continue;
      // Acknowledged in the order of sending: the identifier says which of those under way it is.
      const oldest = acknowledged.size;
      const number = oldest + ((packet.packetId - 1 - (oldest % 65_535) + 65_535) % 65_535);
      acknowledged.set(number, performance.now());
    }
    clearInterval(timer);
  };
  void read().catch(() => clearInterval(timer));

  return {
    topic,
    sent: () => sent,
    acknowledged,
    async finish(withinMs = 20_000) {
      stopped = true;
      clearInterval(timer);
      if (qos === 1) await waitFor(`the last PUBACK for ${topic}`, () => acknowledged.size === sent, withinMs);
      else await client.drain(withinMs).catch(() => {});
    },
    destroy() {
      stopped = true;
      clearInterval(timer);
      client.destroy();
    },
  };
}

/** The recorded numbers of a topic in time order; none when history does not know the topic. */
export async function recorded(sonde: RunningSonde, topic: string): Promise<number[]> {
  const response = await fetch(`${sonde.url}/api/v1/points?topic=${topic}&field=value&limit=1000000`);
  if (response.status === 404) return [];
  expect(response.status).toBe(200);
  return ((await response.json()) as { points: [string, number][] }).points.map(([, value]) => value);
}

/** Waits until all of `wanted` is in history, and says what is not there and what is there twice. */
export async function comparedWithHistory(
  sonde: RunningSonde,
  topic: string,
  wanted: Iterable<number>,
  withinMs = 20_000,
): Promise<{ readonly lost: readonly number[]; readonly twice: readonly number[] }> {
  const all = [...wanted];
  let got: number[] = [];
  const lost = (): number[] => {
    const there = new Set(got);
    return all.filter((number) => !there.has(number));
  };
  await waitFor(
    `${all.length} points of ${topic}`,
    async () => {
      got = await recorded(sonde, topic);
      return lost().length === 0;
    },
    withinMs,
  ).catch(() => {});
  const seen = new Set<number>();
  const twice = got.filter((number) => seen.has(number) || !seen.add(number));
  return { lost: lost(), twice };
}

/** The history process of a Sonde: its child (Linux). */
export function historyPid(sonde: RunningSonde): Promise<number> {
  return waitFor('the history process', () => {
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8');
        const isChild = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) === sonde.pid;
        if (isChild && !/^State:\s+Z/m.test(status)) return Number(name);
      } catch {
        // It ended while we looked.
      }
    }
    return null;
  });
}

export async function health(sonde: RunningSonde): Promise<string> {
  return ((await (await fetch(`${sonde.url}/health`)).json()) as { status: string }).status;
}
