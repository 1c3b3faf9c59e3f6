import { expect, it } from 'vitest';
import { FrameReader, frameHeader } from './frames.ts';

/** Two answers, interleaved. */
const sent = Buffer.concat([
  frameHeader(7, 3, true),
  Buffer.from('abc'),
  frameHeader(8, 1, false),
  Buffer.from('x'),
  frameHeader(7, 2, false),
  Buffer.from('de'),
  frameHeader(8, 0, false),
  frameHeader(7, 0, false),
]);

it.each(Array.from({ length: sent.length }, (_, i) => i + 1))('finds the pieces in chunks of %i bytes', (size) => {
  const text = new Map<number, string>();
  const ended: number[] = [];
  const truncated = new Set<number>();
  const reader = new FrameReader((id, piece, cut) => {
    if (piece.length === 0) ended.push(id);
    if (cut) truncated.add(id);
    text.set(id, (text.get(id) ?? '') + Buffer.from(piece).toString());
  });
  // In one buffer that is used again for each chunk, with the chunk before still behind it.
  const chunk = Buffer.alloc(sent.length);
  for (let at = 0; at < sent.length; at += size) reader.read(chunk, sent.copy(chunk, 0, at, at + size));
  expect(text).toEqual(
    new Map([
      [7, 'abcde'],
      [8, 'x'],
    ]),
  );
  expect(ended).toEqual([8, 7]);
  expect(truncated).toEqual(new Set([7]));
});
