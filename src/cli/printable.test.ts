import { describe, expect, it } from 'vitest';
import { printablePayload, printableText } from './printable.ts';
import { linesOf } from './stdin-lines.ts';

describe('a printed payload', () => {
  it.each<[string, string | readonly number[], string]>([
    ['text', '22.25 ºC\t"x" 温度 🙂', '22.25 ºC\t"x" 温度 🙂'],
    ['nothing', '', ''],
    ['a colour', '\x1b[31mred', '\\x1b[31mred'],
    ['a new title of the window', '\x1b]0;title\x07', '\\x1b]0;title\\x07'],
    ['an 8-bit control', '\u009b31m', '\\x9b31m'],
    ['line ends', 'a\r\nb', 'a\\r\\nb'],
    ['a line separator', 'a\u2028b', 'a\\u2028b'],
    ['a turn of the direction', 'a\u202eb', 'a\\u202eb'],
    ['a byte order mark', '\ufeff22', '\\ufeff22'],
    ['NUL and DEL', '\0\x7f', '\\x00\\x7f'],
    ['bytes that are no UTF-8', [0xff, 0x00, 0x1b], 'hex:ff001b'],
    ['a cut character', [0x41, 0xc3], 'hex:41c3'],
    ['a surrogate in UTF-8', [0xed, 0xa0, 0x80], 'hex:eda080'],
  ])('of %s cannot drive a terminal', (_, payload, expected) => {
    expect(printablePayload(typeof payload === 'string' ? Buffer.from(payload) : Uint8Array.from(payload))).toBe(
      expected,
    );
  });

  it('is taken from its own part of a larger buffer', () => {
    expect(printablePayload(Buffer.from([1, 0xff, 0xfe, 2]).subarray(1, 3))).toBe('hex:fffe');
  });

  it('escapes a lone surrogate of a text', () => {
    expect(printableText('a\ud800b')).toBe('a\\ud800b');
  });
});

describe('the lines of an input', () => {
  async function* chunks(...parts: string[]) {
    for (const part of parts) yield Buffer.from(part);
  }
  const lines = async (...parts: string[]) => {
    const all: string[] = [];
    for await (const line of linesOf(chunks(...parts))) all.push(Buffer.from(line).toString());
    return all;
  };

  it('are whole however they were cut', async () => {
    const text = 'one\n\ntwo\r\nthree';
    const expected = ['one', '', 'two', 'three'];
    expect(await lines(text)).toEqual(expected);
    for (let cut = 0; cut <= text.length; cut++)
      expect(await lines(text.slice(0, cut), text.slice(cut))).toEqual(expected);
    expect(await lines(...text.split(''))).toEqual(expected);
  });

  it('are none for an empty input, and one for a single line end', async () => {
    expect(await lines()).toEqual([]);
    expect(await lines('')).toEqual([]);
    expect(await lines('\n')).toEqual(['']);
  });
});
