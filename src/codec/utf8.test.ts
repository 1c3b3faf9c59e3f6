import { describe, expect, test } from 'vitest';
import { encodePacket, readUtf8 } from './index.ts';

function read(hex: string): string | null {
  const bytes = Buffer.from(hex, 'hex');
  return readUtf8(bytes, 0, bytes.length);
}

describe('text in UTF-8', () => {
  test.each([
    ['', ''],
    ['612f62', 'a/b'],
    ['7f01', '\x7f\x01'], // control characters are allowed, though not wanted
    ['c3bc', 'ü'],
    ['efbbbf61', '\ufeffa'], // [MQTT-1.5.4-3]
    ['f0aa9b94', '\u{2a6d4}'], // the example of MQTT 1.5.4
    ['efbfbf', '\uffff'],
    ['f48fbfbf', '\u{10ffff}'],
  ])('%s is taken', (hex, text) => {
    expect(read(hex)).toBe(text);
  });

  test.each([
    ['00', 'U+0000'],
    ['c3bc00', 'U+0000 behind other text'],
    ['c080', 'U+0000 in two bytes'],
    ['eda080', 'a high surrogate'],
    ['edbfbf', 'a low surrogate'],
    ['eda0bdedb080', 'a pair of surrogates in six bytes'],
    ['c0af', 'an overlong form'],
    ['e080af', 'an overlong form of three bytes'],
    ['f4908080', 'beyond U+10FFFF'],
    ['c3', 'a cut character'],
    ['80', 'a continuation alone'],
    ['ff', 'a byte that UTF-8 does not have'],
    ['61ff62', 'the same among ASCII'],
  ])('%s is refused: %s', (hex) => {
    expect(read(hex)).toBeNull();
  });

  test('is read between its bounds only', () => {
    expect(readUtf8(Buffer.from('00616200', 'hex'), 1, 3)).toBe('ab');
  });
});

describe('text that has no form on the wire', () => {
  const unsubscribe = (filter: string) =>
    ({ type: 'unsubscribe', packetId: 1, filters: [filter], properties: {} }) as const;

  test.each(['a\0b', '\ud800', 'a\udc00', '\udc00\ud800', '\ud83d!'])('is not sent: %j', (filter) => {
    expect(() => encodePacket(unsubscribe(filter), 4)).toThrow(RangeError);
  });

  test('is longer than 65,535 bytes', () => {
    expect(encodePacket(unsubscribe('a'.repeat(65_535)), 4).length).toBe(1 + 3 + 2 + 2 + 65_535);
    expect(() => encodePacket(unsubscribe('a'.repeat(65_536)), 4)).toThrow(
      'a topic filter is longer than 65,535 bytes',
    );
    expect(() => encodePacket(unsubscribe('ü'.repeat(32_768)), 4)).toThrow(
      'a topic filter is longer than 65,535 bytes',
    );
  });
});
