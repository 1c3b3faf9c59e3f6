import { createDictionary, type TopicDictionary } from './dictionary.ts';

/**
 * Messages as columns, in arrays that grow and are used again: no object a message.
 *
 *     topics    [ 0     , 1     , 0      ]   numbers of `dictionary`
 *     arrived   [ us    , us    , us     ]
 *     ends      [ 5     , 9     , 14     ]   message i is payload[ends[i-1] .. ends[i])
 *     payload   [ 22.25 | true  | 22.50  ]
 */
export type Arena = {
  dictionary: TopicDictionary;
  count: number;
  payloadBytes: number;
  topics: Uint32Array;
  arrived: Float64Array;
  ends: Uint32Array;
  payload: Uint8Array;
};

/** What a message costs in the buffer beside its payload. */
export const MESSAGE_OVERHEAD = 16;

/** A full arena is sealed, and the next one begun. A message larger than that has one of its own. */
export const ARENA_MESSAGES = 16_384;
export const ARENA_BYTES = 1024 * 1024;

const FIRST_MESSAGES = 1024;
const FIRST_BYTES = 32 * 1024;
/** Up to this many bytes a loop is cheaper than `set`, which makes a view first. */
const LOOP_BYTES = 64;

export function createArena(dictionary: TopicDictionary = createDictionary()): Arena {
  return {
    dictionary,
    count: 0,
    payloadBytes: 0,
    topics: new Uint32Array(FIRST_MESSAGES),
    arrived: new Float64Array(FIRST_MESSAGES),
    ends: new Uint32Array(FIRST_MESSAGES),
    payload: new Uint8Array(FIRST_BYTES),
  };
}

/** Whether one more message of `bytes` belongs into this arena. */
export function hasRoom(arena: Arena, bytes: number): boolean {
  if (arena.count === 0) return true;
  return arena.count < ARENA_MESSAGES && arena.payloadBytes + bytes <= ARENA_BYTES;
}

/** Copies one message in. */
export function add(
  arena: Arena,
  topic: number,
  arrivedUs: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const size = end - start;
  const index = arena.count;
  const offset = arena.payloadBytes;
  if (index === arena.topics.length) growColumns(arena);
  if (offset + size > arena.payload.length) growPayload(arena, offset + size);
  const payload = arena.payload;
  if (size <= LOOP_BYTES) {
    for (let from = start, to = offset; from < end; ) payload[to++] = bytes[from++]!;
  } else {
    payload.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), offset);
  }
  arena.topics[index] = topic;
  arena.arrived[index] = arrivedUs;
  arena.ends[index] = offset + size;
  arena.payloadBytes = offset + size;
  arena.count = index + 1;
}

/** Bytes that its messages count for. */
export function weight(arena: Arena): number {
  return arena.payloadBytes + arena.count * MESSAGE_OVERHEAD;
}

function growColumns(arena: Arena): void {
  const length = arena.topics.length * 2;
  const topics = new Uint32Array(length);
  const arrived = new Float64Array(length);
  const ends = new Uint32Array(length);
  topics.set(arena.topics);
  arrived.set(arena.arrived);
  ends.set(arena.ends);
  arena.topics = topics;
  arena.arrived = arrived;
  arena.ends = ends;
}

function growPayload(arena: Arena, needed: number): void {
  let length = arena.payload.length * 2;
  while (length < needed) length *= 2;
  const payload = new Uint8Array(needed > ARENA_BYTES ? needed : length);
  payload.set(arena.payload.subarray(0, arena.payloadBytes));
  arena.payload = payload;
}
