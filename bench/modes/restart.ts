import { connect, type Socket } from 'node:net';
import { treeUsage } from '../measure/proc.ts';
import { waitUntil } from '../peers/peer.ts';
import { startSonde } from '../peers/sonde.ts';
import { encodeConnect, encodePublish, encodeSubscribe, PUBLISH } from '../wire/encode.ts';
import { createFraming, feed } from '../wire/framing.ts';

/** What a start with much in the store, and a stop under load, came to. */
export type RestartResult = {
  readonly queued: number;
  readonly retained: number;
  /** From the start of the process until /health says ok. */
  readonly startMs: number;
  readonly startRssBytes: number;
  /** Of the turns of the event loop since the start, in seconds: of each kind of work that was the greater part of one. */
  readonly longestTurns: Readonly<Record<string, number>>;
  /** Retained messages that a subscriber of `#` got, the time that took, and the memory meanwhile. */
  readonly retainedGot: number;
  readonly retainedMs: number;
  readonly liveMs: number;
  readonly retainedRssBytes: number;
  readonly clients: number;
  readonly stopMs: number;
};

const SESSIONS = 10;
const LOT = 1000;

/** Fills a store, starts on it (unless nothing is queued), reads its retained messages, and stops under `clients` that are connected and publish. */
export async function restart(
  root: string,
  queued: number,
  retained: number,
  clients: number,
  say: (line: string) => void,
): Promise<RestartResult> {
  const each = Math.ceil(queued / SESSIONS);
  const limits = {
    maxQueuedMessages: each + 1,
    maxQueuedMessagesInAll: queued + 1000,
    maxQueuedBytesInAll: 64 * 1024 ** 3,
    maxRetainedMessages: retained + 1,
    maxRetainedBytes: 64 * 1024 ** 3,
    maxPendingPerAddress: 100_000,
  };
  const extra = Object.entries(limits).flatMap(([name, value]) => ['--limit', `${name}=${value}`]);
  const options = { root, history: 'off', extra } as const;
  let sonde = await startSonde({ ...options, keep: true });
  for (let n = 0; n < SESSIONS; n++) {
    const session = await Talker.open(sonde.mqttPort, `away-${n}`, false);
    await session.send(encodeSubscribe(`away/${n}`, 1), () => session.other >= 2);
    session.close();
  }
  const filler = await Talker.open(sonde.mqttPort, 'filler', true);
  for (let sent = 0; sent < queued; sent += LOT) {
    const lot = Math.min(LOT, queued - sent);
    const before = filler.other;
    const topic = `away/${Math.floor(sent / each)}`;
    const packets = Array.from({ length: lot }, (_, n) => encodePublish(topic, Buffer.alloc(16, 'x'), 1, n + 1));
    await filler.send(Buffer.concat(packets), () => filler.other >= before + lot);
  }
  say(`${queued} messages are queued for ${SESSIONS} sessions`);
  for (let sent = 0; sent < retained; sent += LOT) {
    const lot = Math.min(LOT, retained - sent);
    const before = filler.other;
    const packets = Array.from({ length: lot }, (_, n) => {
      const packet = encodePublish(`r/${(sent + n) % 1000}/${sent + n}`, Buffer.from('22.5'), 1, n + 1);
      packet[0] = (packet[0] ?? 0) | 1;
      return packet;
    });
    await filler.send(Buffer.concat(packets), () => filler.other >= before + lot);
  }
  say(`${retained} messages are retained`);
  filler.close();
  if (queued > 0) await sonde.stop();
  const startedMs = performance.now();
  if (queued > 0) sonde = await startSonde({ ...options, data: sonde.data });
  const startMs = performance.now() - startedMs;
  const startRssBytes = treeUsage(sonde.pid).rssBytes;
  if (queued > 0) say(`ready after ${startMs.toFixed(0)} ms`);
  const wild = await readRetained(sonde, retained);
  const longestTurns = await longestTurnsOf(sonde.httpPort);
  say(`${wild.retainedGot} retained messages in ${wild.retainedMs.toFixed(0)} ms`);

  const crowd: Talker[] = [];
  for (let n = 0; n < clients; n += 100) {
    const some = Array.from({ length: Math.min(100, clients - n) }, (_, i) =>
      Talker.open(sonde.mqttPort, `c-${n + i}`, true),
    );
    crowd.push(...(await Promise.all(some)));
  }
  const load = setInterval(() => {
    for (let n = 0; n < 1000; n++) {
      const talker = crowd[Math.floor(Math.random() * crowd.length)];
      talker?.write(encodePublish(`load/${n}`, Buffer.alloc(64, 'x'), 0, 0));
    }
  }, 100);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const stoppedMs = performance.now();
  await sonde.stop();
  const stopMs = performance.now() - stoppedMs;
  clearInterval(load);
  for (const talker of crowd) talker.close();
  return { queued, retained, startMs, startRssBytes, longestTurns, ...wild, clients, stopMs };
}

type Running = Awaited<ReturnType<typeof startSonde>>;

/** Subscribes to all that is retained; meanwhile something is published, which must not wait for the end. */
async function readRetained(sonde: Running, retained: number) {
  const reader = await Talker.open(sonde.mqttPort, 'reader', true);
  let live: () => void = () => {};
  const came = new Promise<void>((resolve) => {
    live = resolve;
  });
  reader.onTopic = (topic) => {
    if (topic === 'live') live();
  };
  const startedMs = performance.now();
  let retainedRssBytes = 0;
  const sample = setInterval(() => {
    retainedRssBytes = Math.max(retainedRssBytes, treeUsage(sonde.pid).rssBytes);
  }, 100);
  reader.write(encodeSubscribe('#', 0));
  await waitUntil('the first retained message', () => reader.messages > 0, 10_000);
  const other = await Talker.open(sonde.mqttPort, 'other', true);
  const publishedMs = performance.now();
  other.write(encodePublish('live', Buffer.from('now'), 0, 0));
  await came;
  const liveMs = performance.now() - publishedMs;
  await waitUntil('all retained messages', () => reader.messages >= retained + 1, 120_000);
  clearInterval(sample);
  const retainedMs = performance.now() - startedMs;
  const retainedGot = reader.messages - 1;
  reader.close();
  other.close();
  return { retainedGot, retainedMs, liveMs, retainedRssBytes };
}

async function longestTurnsOf(httpPort: number): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  const found = text.matchAll(/^sonde_longest_turn_seconds\{work="([^"]+)"\} (\S+)$/gm);
  const turns = [...found].map(([, work = '', seconds]) => [work, Number(seconds)] as const);
  return Object.fromEntries(turns.filter(([, seconds]) => seconds > 0));
}

/** A plain client that counts what it gets and acknowledges nothing. */
class Talker {
  messages = 0;
  /** Packets that are no PUBLISH. */
  other = 0;
  onTopic: ((topic: string) => void) | null = null;
  readonly #socket: Socket;

  private constructor(port: number) {
    const framing = createFraming();
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk: Buffer) =>
      feed(framing, chunk, chunk.length, (first, buffer, start) => {
        if (first >> 4 !== PUBLISH) {
          this.other += 1;
          return;
        }
        this.messages += 1;
        if (this.onTopic === null) return;
        const bytes = ((buffer[start] ?? 0) << 8) | (buffer[start + 1] ?? 0);
        this.onTopic(Buffer.from(buffer.subarray(start + 2, start + 2 + bytes)).toString());
      }),
    );
  }

  static async open(port: number, clientId: string, clean: boolean): Promise<Talker> {
    const talker = new Talker(port);
    const packet = encodeConnect(clientId);
    if (!clean) packet[CONNECT_FLAGS] = 0;
    await talker.send(packet, () => talker.other >= 1);
    return talker;
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  async send(bytes: Uint8Array, done: () => boolean): Promise<void> {
    this.write(bytes);
    const untilMs = performance.now() + 60_000;
    while (!done()) {
      if (performance.now() > untilMs) throw new Error('no answer within 60 s');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Fixed header of two bytes, protocol name of six, level. */
const CONNECT_FLAGS = 9;
