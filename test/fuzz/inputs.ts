import {
  ackBytes,
  connectBytes,
  DISCONNECT,
  type Level,
  PINGREQ,
  packet,
  publishBytes,
  subscribeBytes,
  text,
  u16,
  unsubscribeBytes,
} from '../conformance/client.ts';
import { mutateFrames } from './frames.ts';
import type { Random } from './random.ts';

/** What one connection sends, and where the stream is cut into writes. */
export type Input = {
  readonly bytes: Buffer;
  readonly cuts: readonly number[];
  readonly transport: 'tcp' | 'websocket';
};

const TOPICS = [
  'fuzz/a',
  'fuzz/b/c',
  '/fuzz',
  'fuzz//x',
  '$SYS/x',
  '$share/g/fuzz',
  '__proto__',
  'é/€/😀',
  'fuzz/+',
  '#',
  '',
];
const FILTERS = ['fuzz/#', '+/a', '#', '+', '$SYS/#', '$sonde/status', '$share/g/fuzz/#', 'fuzz/+/c', 'a/#/b', '', '/'];
const PAYLOADS = [
  '22.25',
  '{"a":[1,{"b":null}],"c":true}',
  '[1,2,3',
  'NaN',
  '-0',
  '1e999',
  '',
  '9007199254740993',
  '\0\0',
  '{"__proto__":1}',
];
const PROPERTIES: readonly (readonly number[])[] = [
  [],
  [0x01, 1],
  [0x02, 0, 0, 0, 1],
  [0x03, 0, 1, 0x61],
  [0x08, 0, 1, 0x61],
  [0x09, 0, 2, 1, 2],
  [0x0b, 1],
  [0x0b, 0xff, 0xff, 0xff, 0x7f],
  [0x11, 0, 0, 0, 9],
  [0x17, 0],
  [0x18, 0, 0, 0, 1],
  [0x1f, 0, 1, 0x62],
  [0x21, 0, 1],
  [0x22, 0, 9],
  [0x23, 0, 1],
  [0x26, 0, 1, 0x6b, 0, 1, 0x76],
  [0x27, 0, 0, 0, 64],
];
const EDGES = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xff];

/** One client's words: mostly a CONNECT and what may follow it, then changed; sometimes nothing but noise. */
export function makeInput(random: Random, corpus: readonly Buffer[]): Input {
  const bytes = makeBytes(random, corpus);
  const cuts = random.chance(3) ? Array.from({ length: random.below(8) }, () => random.below(bytes.length + 1)) : [];
  return { bytes, cuts: cuts.sort((a, b) => a - b), transport: random.chance(8) ? 'websocket' : 'tcp' };
}

function makeBytes(random: Random, corpus: readonly Buffer[]): Buffer {
  if (random.chance(10)) return random.bytes(random.below(400));
  if (corpus.length > 0 && random.chance(5)) return mutate(random, random.pick(corpus), corpus);
  const level = random.pick([3, 4, 5] as const);
  const packets = [makeConnect(random, level)];
  for (let n = random.below(8); n > 0; n--) packets.push(makePacket(random, level));
  if (random.chance(2)) return mutateFrames(random, packets);
  const bytes = Buffer.concat(random.chance(6) ? packets.reverse() : packets);
  return random.chance(4) ? bytes : mutate(random, bytes, corpus);
}

function makeConnect(random: Random, level: Level): Buffer {
  const bytes = connectBytes({
    level,
    // Few ids: sessions are kept and taken over.
    id: random.pick(['', 'fuzz-1', 'fuzz-2', 'fuzz-3', 'fuzz-4', '__proto__', 'é', 'fuzz-5']),
    clean: random.chance(2),
    keepAlive: random.pick([0, 1, 60, 65_535]),
    properties: properties(random),
    ...(random.chance(3)
      ? {
          will: {
            topic: random.pick(TOPICS),
            payload: random.pick(PAYLOADS),
            qos: random.below(4),
            retain: random.chance(2),
            properties: properties(random),
          },
        }
      : {}),
    ...(random.chance(8) ? { username: random.pick(['', 'fuzz']), password: 'x' } : {}),
  });
  return bytes;
}

const properties = (random: Random): Buffer =>
  Buffer.concat(
    Array.from({ length: random.chance(2) ? 0 : random.below(4) }, () => Buffer.from(random.pick(PROPERTIES))),
  );

function makePacket(random: Random, level: Level): Buffer {
  const id = random.pick([1, 2, 3, 7, 255, 256, 65_535, 0]);
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const qos = random.below(3) as 0 | 1 | 2;
      const payload = random.chance(8) ? random.bytes(random.below(5000)) : random.pick(PAYLOADS);
      const flags = { qos, id, retain: random.chance(3), dup: qos > 0 && random.chance(4) };
      return publishBytes(level, random.pick(TOPICS), payload, { ...flags, properties: properties(random) });
    }
    case 4:
    case 5: {
      const filters = Array.from(
        { length: 1 + random.below(3) },
        () => [random.pick(FILTERS), random.pick([0, 1, 2, 4, 8, 0x10, 0x2d, 3])] as const,
      );
      return subscribeBytes(level, id, filters, properties(random));
    }
    case 6:
      return unsubscribeBytes(level, id, [random.pick(FILTERS)]);
    case 7:
    case 8:
      return ackBytes(random.pick(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const), id);
    case 9:
      return PINGREQ;
    case 10:
      return level === 5 && random.chance(2)
        ? packet(0xe0, [random.pick([0, 4, 0x80, 0x8e])], [random.below(6)])
        : DISCONNECT;
    default:
      return packet(
        random.below(256),
        random.chance(2) ? text(random.pick(TOPICS)) : u16(id),
        random.bytes(random.below(20)),
      );
  }
}

/** Changes some bytes: set to an edge value or another, flipped, cut out, put in, doubled, moved, spliced with something known. */
function mutate(random: Random, bytes: Buffer, corpus: readonly Buffer[]): Buffer {
  let changed = bytes;
  for (let n = 1 + random.below(5); n > 0; n--) changed = change(random, changed, corpus);
  return changed.subarray(0, 200_000);
}

function change(random: Random, bytes: Buffer, corpus: readonly Buffer[]): Buffer {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + random.below(16));
  const before = bytes.subarray(0, at);
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([before, Buffer.of(random.pick(EDGES)), bytes.subarray(at + 1)]);
    case 1:
      return Buffer.concat([before, Buffer.of(random.below(256)), bytes.subarray(at + 1)]);
    case 2:
      return Buffer.concat([before, Buffer.of((bytes[at] ?? 0) ^ (1 << random.below(8))), bytes.subarray(at + 1)]);
    case 3:
      return Buffer.concat([before, bytes.subarray(to)]);
    case 4:
      return Buffer.concat([before, random.bytes(random.below(8)), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 6:
      return before;
    default:
      return corpus.length === 0 ? bytes : Buffer.concat([before, random.pick(corpus).subarray(random.below(20))]);
  }
}
