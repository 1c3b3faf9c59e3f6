import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Arena, MESSAGE_OVERHEAD } from './arena.ts';
import { createIntake, type Intake } from './intake.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function intakeOf(limits: Partial<{ limitBytes: number; earlyMessages: number; earlyBytes: number }> = {}) {
  const calls = { first: 0, early: 0, room: 0 };
  const intake = createIntake({
    limitBytes: 1_000_000,
    earlyMessages: 5000,
    earlyBytes: 256 * 1024,
    ...limits,
    onFirst: () => {
      calls.first += 1;
    },
    onEarly: () => {
      calls.early += 1;
    },
  });
  intake.port.onRoom(() => {
    calls.room += 1;
  });
  return { intake, calls };
}

const keys = new Map<string, object>();

function offer(intake: Intake, topic: string, payload: Uint8Array, arrivedUs = 1): boolean {
  let key = keys.get(topic);
  if (key === undefined) {
    key = {};
    keys.set(topic, key);
  }
  return intake.port.offer(key, 1, topic, payload, 0, payload.length, arrivedUs);
}

/** The messages of an arena as topic, payload and arrival. */
function messagesOf(arena: Arena): [string, string, number][] {
  const decoder = new TextDecoder();
  return Array.from({ length: arena.count }, (_, i) => [
    arena.dictionary.topics[arena.topics[i]!]!,
    decoder.decode(arena.payload.subarray(i === 0 ? 0 : arena.ends[i - 1]!, arena.ends[i]!)),
    arena.arrived[i]!,
  ]);
}

it('copies what it is given, in order, and names each topic once', () => {
  const { intake, calls } = intakeOf();
  const shared = bytes('xx22.25yy');
  expect(intake.port.offer({}, 1, 'a', shared, 2, 7, 10)).toBe(true);
  shared.fill(0);
  offer(intake, 'b', bytes('on'), 11);
  offer(intake, 'a', bytes(''), 12);
  expect(calls).toEqual({ first: 1, early: 0, room: 0 });
  const arena = intake.take()!;
  expect(messagesOf(arena)).toEqual([
    ['a', '22.25', 10],
    ['b', 'on', 11],
    ['a', '', 12],
  ]);
  expect(arena.dictionary.topics).toEqual(['a', 'b']);
  expect(intake.take()).toBeNull();
});

it('keeps any run of messages whole, however they fall into arenas', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 300 }), (sizes) => {
      const { intake } = intakeOf({ limitBytes: 1e9 });
      const sent = sizes.map((size, i): [string, string, number] => [`t${i % 7}`, `${i}`.padEnd(size, '.'), i]);
      const got: [string, string, number][] = [];
      sent.forEach(([topic, payload, at], i) => {
        offer(intake, topic, bytes(payload), at);
        // Now and then one is taken away and given back, so that arrays are used again.
        if (i % 50 !== 49) return;
        for (let arena = intake.take(); arena !== null; arena = intake.take()) {
          got.push(...messagesOf(arena));
          intake.release(arena);
        }
      });
      for (let arena = intake.take(); arena !== null; arena = intake.take()) {
        got.push(...messagesOf(arena));
        intake.release(arena);
      }
      expect(got).toEqual(sent);
      expect(intake.held()).toEqual({ messages: 0, bytes: 0 });
    }),
    { numRuns: 50 },
  );
});

it('refuses what does not fit, says when it is crowded, and calls when there is room again', () => {
  const { intake, calls } = intakeOf({ limitBytes: 100 * (84 + MESSAGE_OVERHEAD), earlyMessages: 1000 });
  const payload = bytes('x'.repeat(84));
  let taken = 0;
  while (offer(intake, 'a', payload)) {
    taken += 1;
    expect(intake.port.crowded()).toBe(taken > 50);
  }
  expect(taken).toBe(100);
  const first = intake.take()!;
  expect(calls.room).toBe(0);
  expect(offer(intake, 'a', payload)).toBe(false);
  intake.release(first);
  expect(calls.room).toBe(1);
  expect(intake.port.crowded()).toBe(false);
  expect(offer(intake, 'a', payload)).toBe(true);
  expect(calls.room).toBe(1);
});

it('takes a message that is larger than the whole buffer when it is alone', () => {
  const { intake } = intakeOf({ limitBytes: 1000 });
  const large = bytes('y'.repeat(5_000_000));
  expect(offer(intake, 'a', bytes('1'))).toBe(true);
  expect(offer(intake, 'a', large)).toBe(false);
  intake.release(intake.take()!);
  expect(offer(intake, 'a', large)).toBe(true);
  expect(intake.take()?.payloadBytes).toBe(5_000_000);
});

it('asks for a batch once when there is enough for one', () => {
  const { intake, calls } = intakeOf({ earlyMessages: 10 });
  for (let i = 0; i < 25; i++) offer(intake, 'a', bytes('1'));
  expect(calls).toMatchObject({ first: 1, early: 1 });
  intake.take();
  for (let i = 0; i < 10; i++) offer(intake, 'a', bytes('1'));
  expect(calls).toMatchObject({ first: 2, early: 2 });
});

it('is crowded also when it is told that the queue is too deep', () => {
  const { intake, calls } = intakeOf();
  intake.setPressure(true);
  expect(intake.port.crowded()).toBe(true);
  expect(offer(intake, 'a', bytes('1'))).toBe(true);
  intake.setPressure(false);
  expect(intake.port.crowded()).toBe(false);
  expect(calls.room).toBe(1);
});

it('says when the oldest message came that is not committed, also while its batch is on the way', () => {
  const { intake } = intakeOf();
  expect(intake.oldestUs()).toBeNull();
  offer(intake, 'a', bytes('1'), 5);
  offer(intake, 'a', bytes('1'), 6);
  expect(intake.oldestUs()).toBe(5);
  const batch = intake.take()!;
  offer(intake, 'a', bytes('1'), 7);
  expect(intake.oldestUs()).toBe(5);
  intake.release(batch);
  expect(intake.oldestUs()).toBe(7);
  intake.release(intake.take()!);
  expect(intake.oldestUs()).toBeNull();
});
