import type { Clock, Logger, Reached } from '../../base/index.ts';
import { originOf } from '../../store/index.ts';
import type { HistoryLimits } from '../options.ts';
import type { RecorderEntry, RecorderSource } from '../port.ts';
import {
  type Batch,
  type Committed,
  type Cut,
  type MessageColumns,
  qos0Source,
  queueSource,
  type TopicsPart,
} from '../protocol.ts';
import { covers, type Stretch } from '../stretches.ts';
import { type Arena, add, createArena } from './arena.ts';
import type { TopicDictionary } from './dictionary.ts';
import { createIntake, type Intake } from './intake.ts';

/** What the recorder needs of the process behind it. */
export type RecorderSink = {
  /** Sends one batch; its fate comes by `committed` or `refused`, or the process goes and comes back. */
  readonly send: (batch: Batch) => void;
};

/**
 * Brings messages to the history process: one batch in flight, the next one being filled. A batch is kept until it is
 * committed and sent again, unchanged, to the next process when this one dies.
 *
 *     idle --first message--> waiting --interval or early--> reading queue --> in flight --committed--> idle or next
 *                                                                                 |  refused: pause, send again
 *                                                                                 |  process gone: wait for ready
 */
export type Recorder = {
  readonly intake: Intake;
  readonly attach: (source: RecorderSource) => void;
  /** A process is ready, and this is what it has committed. */
  readonly ready: (positions: readonly Stretch[]) => void;
  /** The process is gone; what was in flight is kept. */
  readonly gone: () => void;
  readonly committed: (message: Committed) => void;
  readonly refused: (batch: number, text: string) => void;
  /** Sends what is there without waiting, until nothing is left or `deadlineMs` (monotonic) has passed. */
  readonly flush: (deadlineMs: number) => Promise<boolean>;
  /** Stops timers; what is left is returned as lost. */
  readonly close: () => { readonly lostMessages: number };
  readonly state: () => RecorderState;
};

export type RecorderState = {
  readonly messages: number;
  readonly points: number;
  /** Series of all worlds. */
  readonly series: number;
  readonly lastCommitUs: number | null;
  /** Age of the batch in flight, ms; 0 when there is none. */
  readonly inFlightMs: number;
  /** Why the last batch was refused; null after a commit. */
  readonly refusal: string | null;
  readonly queueEntries: number;
};

type Pending = {
  readonly batch: Omit<Batch, 'topics'>;
  readonly arena: Arena | null;
  readonly queueArena: Arena | null;
  readonly lastNumber: number;
  sentAtMs: number;
};

const ENTRY_OVERHEAD = 100;
const QUEUE_MESSAGES = 16_384;
const QUEUE_BYTES = 1024 * 1024;
const REFUSED_PAUSE_MS = 1000;

type RecorderOptions = {
  readonly limits: HistoryLimits;
  readonly run: string;
  readonly sink: RecorderSink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where it counts the messages that are beyond a bound. */
  readonly reached: Reached;
};

export function createRecorder(options: RecorderOptions): Recorder {
  const { limits, run, sink, clock, logger, reached } = options;
  let source: RecorderSource | null = null;
  /** Through which number entries were read from the queue, and acknowledged to it. */
  let readThrough = 0;
  let queueMayHave = false;
  /** Publishers wait for room in it. */
  let queueIsFull = false;
  let connected = false;
  let reading = false;
  /** The queue could not be read the last time. */
  let unreadable = false;
  let pending: Pending | null = null;
  let batches = 0;
  let qos0Batches = 0;
  /** What the process of now knows of topics. */
  let knownDictionary: TopicDictionary | null = null;
  let knownTopics = 0;
  let timer: NodeJS.Timeout | null = null;
  let flushing = false;
  let closed = false;
  const idle: (() => void)[] = [];

  let messages = 0;
  let points = 0;
  let series = 0;
  let lastCommitUs: number | null = null;
  let refusal: string | null = null;

  const intake = createIntake({
    limitBytes: limits.qos0BufferBytes,
    earlyMessages: limits.earlyMessages,
    earlyBytes: limits.earlyBytes,
    onFirst: () => later(limits.commitIntervalMs),
    onEarly: () => soon(),
  });

  const soon = (): void => {
    if (connected && pending === null && !reading) setImmediate(next);
  };

  const later = (ms: number): void => {
    if (timer !== null || closed) return;
    timer = setTimeout(() => {
      timer = null;
      watchQueue();
      next();
    }, ms);
  };

  /** A queue that grows while history cannot take it slows the publishers down, like the buffer does. */
  const watchQueue = (): void => {
    if (source === null) return;
    const depth = source.depth();
    const bytes = depth.bytes + depth.entries * ENTRY_OVERHEAD;
    if (bytes > limits.queueHighBytes) intake.setPressure(true);
    else if (bytes < limits.queueHighBytes / 2) intake.setPressure(false);
    if (!connected || pending !== null) later(limits.commitIntervalMs);
  };

  const next = (): void => {
    if (closed || !connected || pending !== null || reading) return;
    if (source === null || !queueMayHave) {
      dispatch([]);
      return;
    }
    reading = true;
    queueMayHave = false;
    queueIsFull = false;
    source.read(readThrough, QUEUE_MESSAGES, QUEUE_BYTES).then(
      (entries) => {
        reading = false;
        unreadable = false;
        if (entries.length > 0) queueMayHave = true;
        dispatch(ofOneOrigin(entries, source));
      },
      (error: unknown) => {
        reading = false;
        unreadable = true;
        queueMayHave = true;
        logger.error({ error: String(error) }, 'history cannot read its queue, will try again');
        dispatch([]);
        later(REFUSED_PAUSE_MS);
      },
    );
  };

  const dispatch = (entries: readonly RecorderEntry[]): void => {
    if (closed) return;
    const arena = intake.take();
    const last = entries[entries.length - 1];
    if (arena === null && last === undefined) {
      settle();
      return;
    }
    const queueArena = last === undefined ? null : fromEntries(entries, intake.dictionary());
    const since = readThrough > 0 ? readThrough + 1 : (entries[0]?.number ?? 0);
    if (last !== undefined) readThrough = last.number;
    batches += 1;
    if (arena !== null) qos0Batches += 1;
    pending = {
      batch: {
        kind: 'batch',
        batch: batches,
        qos0:
          arena === null ? null : { number: qos0Batches, dictionary: arena.dictionary.id, messages: columnsOf(arena) },
        queue:
          queueArena === null || source === null
            ? null
            : {
                incarnation: originOf(source, entries[0]?.number ?? 0).incarnation,
                dictionary: queueArena.dictionary.id,
                since,
                numbers: Float64Array.from(entries, (entry) => entry.number),
                messages: columnsOf(queueArena),
              },
      },
      arena,
      queueArena,
      lastNumber: last?.number ?? 0,
      sentAtMs: 0,
    };
    transmit();
  };

  const transmit = (): void => {
    if (pending === null || !connected) return;
    pending.sentAtMs = clock.monotonicMs();
    const topics: TopicsPart[] = [];
    for (const arena of [pending.arena, pending.queueArena]) {
      if (arena === null) continue;
      const dictionary = arena.dictionary;
      const from = dictionary === knownDictionary ? knownTopics : 0;
      const to = dictionary.topics.length;
      if (dictionary === knownDictionary && from === to) continue;
      topics.push({
        id: dictionary.id,
        from,
        worlds: dictionary.worlds.slice(from, to),
        topics: dictionary.topics.slice(from, to),
      });
      knownDictionary = dictionary;
      knownTopics = to;
    }
    sink.send({ ...pending.batch, topics });
  };

  /** Takes the batch in flight as done. */
  const complete = (): void => {
    const done = pending;
    if (done === null) return;
    pending = null;
    if (refusal !== null) logger.info({ refused: refusal }, 'history can write again');
    refusal = null;
    if (done.arena !== null) intake.release(done.arena);
    if (done.queueArena !== null) source?.ackThrough(done.lastNumber);
    goOn();
  };

  const goOn = (): void => {
    if (intake.port.crowded()) watchQueue();
    const waiting = intake.waiting();
    const early = queueIsFull || waiting.messages >= limits.earlyMessages || waiting.bytes >= limits.earlyBytes;
    if (early || flushing || (queueMayHave && source !== null && source.depth().entries >= limits.earlyMessages)) {
      next();
      return;
    }
    if (waiting.messages > 0 || queueMayHave) later(limits.commitIntervalMs);
    else settle();
  };

  const settle = (): void => {
    if (pending !== null || reading) return;
    for (const resolve of idle.splice(0)) resolve();
  };

  return {
    intake,
    attach: (given) => {
      source = given;
      // A history that has that goes on with its stretch; another one begins a new one.
      readThrough = given.takenBefore;
      queueMayHave = true;
      given.onEntries((isFull) => {
        queueMayHave = true;
        if (isFull && !queueIsFull) soon();
        queueIsFull = isFull;
        later(limits.commitIntervalMs);
      });
      later(1);
    },
    ready: (positions) => {
      connected = true;
      knownDictionary = null;
      knownTopics = 0;
      if (pending !== null) {
        // What the process before committed and could not say any more. Of entries of a broker before this one, the process
        // knows by their numbers which it has.
        const { qos0, queue } = pending.batch;
        const has0 = qos0 === null || covers(positions, qos0Source(run), qos0.number, qos0.number);
        const hasQueue =
          queue === null || covers(positions, queueSource(queue.incarnation), queue.since, pending.lastNumber);
        if (has0 && hasQueue) {
          messages += (qos0?.messages.count ?? 0) + (queue?.messages.count ?? 0);
          complete();
        } else transmit();
        return;
      }
      later(1);
    },
    gone: () => {
      connected = false;
      later(limits.commitIntervalMs);
    },
    committed: (message) => {
      if (pending === null || message.batch !== pending.batch.batch) return;
      messages += message.messages;
      points += message.points;
      series = message.series;
      for (const bound of Object.keys(message.cut) as (keyof Cut)[]) reached[bound] += message.cut[bound];
      lastCommitUs = message.committedUs;
      complete();
    },
    refused: (batch, text) => {
      if (pending === null || batch !== pending.batch.batch) return;
      if (refusal !== text) logger.error({ reason: text }, 'history could not write a batch, will try again');
      refusal = text;
      setTimeout(transmit, REFUSED_PAUSE_MS).unref();
    },
    flush: async (deadlineMs) => {
      flushing = true;
      while (connected && clock.monotonicMs() < deadlineMs) {
        if (pending === null && !reading && intake.waiting().messages === 0 && !queueMayHave) return true;
        if (unreadable) return false; // what is in the queue stays there
        await new Promise<void>((resolve) => {
          idle.push(resolve);
          next();
          setTimeout(resolve, 50).unref();
        });
      }
      return pending === null && intake.held().messages === 0;
    },
    close: () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      timer = null;
      return { lostMessages: intake.held().messages };
    },
    state: () => ({
      messages,
      points,
      series,
      lastCommitUs,
      inFlightMs: pending === null ? 0 : clock.monotonicMs() - pending.sentAtMs,
      refusal,
      queueEntries: source?.depth().entries ?? 0,
    }),
  };
}

/** As many as were numbered by the store that numbered the first: a batch is of one source. */
function ofOneOrigin(entries: readonly RecorderEntry[], source: RecorderSource | null): readonly RecorderEntry[] {
  const [first] = entries;
  const last = entries.at(-1);
  if (first === undefined || last === undefined || source === null) return entries;
  const { upTo } = originOf(source, first.number);
  return last.number <= upTo ? entries : entries.filter(({ number }) => number <= upTo);
}

function fromEntries(entries: readonly RecorderEntry[], dictionary: TopicDictionary): Arena {
  const arena = createArena(dictionary);
  for (const { message } of entries) {
    const { payload } = message;
    add(arena, dictionary.byName(message.world, message.topic), message.arrivedUs, payload, 0, payload.length);
  }
  return arena;
}

function columnsOf(arena: Arena): MessageColumns {
  const { count } = arena;
  return {
    count,
    topics: arena.topics.subarray(0, count),
    arrived: arena.arrived.subarray(0, count),
    ends: arena.ends.subarray(0, count),
    payload: arena.payload.subarray(0, arena.payloadBytes),
  };
}
