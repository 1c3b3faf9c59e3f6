import type { Qos0Intake } from '../port.ts';
import { ARENA_BYTES, type Arena, add, createArena, hasRoom, MESSAGE_OVERHEAD, weight } from './arena.ts';
import { createDictionary, type TopicDictionary } from './dictionary.ts';

/** The recorder's side of the QoS 0 buffer. */
export type Intake = {
  readonly port: Qos0Intake;
  /** The dictionary of messages that come now; queue entries use it too. */
  readonly dictionary: () => TopicDictionary;
  /** Hands out the oldest arena, filled or filling, or null when there is no message. It counts until `release`. */
  readonly take: () => Arena | null;
  /** Its messages are committed (or given up): their room is free, its arrays are used again. */
  readonly release: (arena: Arena) => void;
  /** Messages and bytes that are not released. */
  readonly held: () => { readonly messages: number; readonly bytes: number };
  /** When the oldest of them came, in microseconds of the wall clock; null: none is held. */
  readonly oldestUs: () => number | null;
  /** Messages and payload bytes that `take` has not handed out yet. */
  readonly waiting: () => { readonly messages: number; readonly bytes: number };
  /** Crowded for a reason outside of the buffer: the recorder's queue is too deep. */
  readonly setPressure: (on: boolean) => void;
};

type IntakeOptions = {
  readonly limitBytes: number;
  readonly earlyMessages: number;
  readonly earlyBytes: number;
  /** The first message has come into an empty buffer. */
  readonly onFirst: () => void;
  /** There is enough for a batch that need not wait. Called at most once until the next `take`. */
  readonly onEarly: () => void;
};

const HIGH = 0.5;
const LOW = 0.25;
const NEARLY_FULL = 0.75;
/** Arenas that wait to be used again: one filling, one in flight, and a spare. */
const SPARE_ARENAS = 3;

export function createIntake(options: IntakeOptions): Intake {
  const { limitBytes, earlyMessages, earlyBytes, onFirst, onEarly } = options;
  const highBytes = limitBytes * HIGH;
  const lowBytes = limitBytes * LOW;
  const listeners: (() => void)[] = [];
  const spare: Arena[] = [];
  let dictionary = createDictionary();
  let filling = createArena(dictionary);
  const sealed: Arena[] = [];
  /** Handed out and not released, oldest first. */
  const taken: Arena[] = [];
  let sealedMessages = 0;
  let sealedBytes = 0;
  let usedBytes = 0;
  let usedMessages = 0;
  let early = false;
  let wasCrowded = false;
  let pressure = false;

  const nextArena = (): Arena => {
    if (dictionary.full()) dictionary = createDictionary();
    const arena = spare.pop() ?? createArena(dictionary);
    arena.dictionary = dictionary;
    return arena;
  };

  const crowded = (): boolean => {
    if (usedBytes <= highBytes && !pressure) return false;
    wasCrowded = true;
    return true;
  };

  const tellRoom = (): void => {
    if (!wasCrowded || pressure || usedBytes >= lowBytes) return;
    wasCrowded = false;
    for (const listener of listeners) listener();
  };

  const offer: Qos0Intake['offer'] = (topicKey, world, topic, bytes, start, end, arrivedUs) => {
    const size = end - start;
    const cost = size + MESSAGE_OVERHEAD;
    // A message that is larger than the whole buffer is taken when it is alone: else it would wait for ever.
    if (usedBytes + cost > limitBytes && usedBytes > 0) {
      wasCrowded = true;
      return false;
    }
    if (!hasRoom(filling, size)) {
      sealed.push(filling);
      sealedMessages += filling.count;
      sealedBytes += filling.payloadBytes;
      filling = nextArena();
    }
    add(filling, filling.dictionary.byKey(topicKey, world, topic), arrivedUs, bytes, start, end);
    usedBytes += cost;
    usedMessages += 1;
    if (early) return true;
    if (filling.count >= earlyMessages || filling.payloadBytes >= earlyBytes || sealed.length > 0) {
      early = true;
      onEarly();
    } else if (filling.count === 1) onFirst();
    return true;
  };

  return {
    port: {
      offer,
      crowded,
      nearlyFull: () => usedBytes > limitBytes * NEARLY_FULL,
      onRoom: (listener) => {
        listeners.push(listener);
      },
    },
    dictionary: () => dictionary,
    take: () => {
      early = false;
      const first = sealed.shift();
      if (first !== undefined) {
        sealedMessages -= first.count;
        sealedBytes -= first.payloadBytes;
        taken.push(first);
        return first;
      }
      if (filling.count === 0) return null;
      const arena = filling;
      filling = nextArena();
      taken.push(arena);
      return arena;
    },
    release: (arena) => {
      taken.splice(taken.indexOf(arena), 1);
      usedBytes -= weight(arena);
      usedMessages -= arena.count;
      arena.count = 0;
      arena.payloadBytes = 0;
      if (spare.length < SPARE_ARENAS && arena.payload.length <= ARENA_BYTES) spare.push(arena);
      tellRoom();
    },
    held: () => ({ messages: usedMessages, bytes: usedBytes }),
    oldestUs: () => {
      const oldest = taken[0] ?? sealed[0] ?? filling;
      return oldest.count === 0 ? null : (oldest.arrived[0] as number);
    },
    waiting: () => ({
      messages: sealedMessages + filling.count,
      bytes: sealedBytes + filling.payloadBytes,
    }),
    setPressure: (on) => {
      pressure = on;
      tellRoom();
    },
  };
}
