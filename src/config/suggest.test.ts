import { describe, expect, it } from 'vitest';
import { parseListenAddress } from './listen-address.ts';
import { nearest } from './suggest.ts';

describe('a suggestion', () => {
  it.each([
    ['anonymus', 'anonymous'],
    ['ANONYMOUS', 'anonymous'],
    ['max-packet-bytes', 'maxPacketBytes'],
    ['htpt', 'http'],
    ['somethingelse', null],
    ['x'.repeat(100_000), null],
  ])('for %.20s is %s', (word, expected) => {
    expect(nearest(word, ['anonymous', 'maxPacketBytes', 'http', 'data'])).toBe(expected);
  });
});

describe('a listen address', () => {
  it.each([
    ['1883', { host: null, port: 1883 }],
    ['*:0', { host: null, port: 0 }],
    ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
    ['[::]:80', { host: '::', port: 80 }],
    ['broker.lan:80', { host: 'broker.lan', port: 80 }],
  ])('%s is understood', (text, expected) => {
    expect(parseListenAddress(text)).toEqual(expected);
  });

  it.each(['', ':80', 'host', '[::1]', '[x]:80', 'a b:80', '-1', '99999', '1883x'])(
    '%j is refused with a reason',
    (text) => {
      expect(typeof parseListenAddress(text)).toBe('string');
    },
  );
});
