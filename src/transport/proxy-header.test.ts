import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PROXY_BYTES, readProxyHeader } from './proxy-header.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

function version2(command: number, family: number, body: readonly number[], length = body.length): Buffer {
  return Buffer.from([...SIGNATURE, command, family, length >> 8, length & 255, ...body]);
}

const IPV4 = [192, 0, 2, 7, 192, 0, 2, 1, 0xc8, 0x22, 0x07, 0x5b];
const IPV6 = [0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 7, ...Array(15).fill(0), 1, 0xc8, 0x22, 0x07, 0x5b];
const MAPPED = [...Array(10).fill(0), 255, 255, 10, 1, 2, 3, ...Array(15).fill(0), 1, 0, 1, 0, 2];
const TLVS = [0x04, 0, 3, 1, 2, 3, 0xee, 0, 1, 9];

const HEADERS: readonly (readonly [string, Buffer, { address: string; port: number } | null])[] = [
  ['TCP4', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 51234 1883\r\n'), { address: '192.0.2.7', port: 51234 }],
  ['TCP6', Buffer.from('PROXY TCP6 2001:DB8:0::7 ::1 1 65535\r\n'), { address: '2001:db8::7', port: 1 }],
  ['an IPv4 address as IPv6', Buffer.from('PROXY TCP6 ::ffff:10.1.2.3 ::1 1 2\r\n'), { address: '10.1.2.3', port: 1 }],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), null],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN ffff::1 whatever it is\r\n'), null],
  ['version 2, IPv4', version2(0x21, 0x11, IPV4), { address: '192.0.2.7', port: 51234 }],
  ['version 2, IPv4, TLVs', version2(0x21, 0x11, [...IPV4, ...TLVS]), { address: '192.0.2.7', port: 51234 }],
  ['version 2, IPv6', version2(0x21, 0x21, IPV6), { address: '2001:db8::7', port: 51234 }],
  ['version 2, IPv4 as IPv6', version2(0x21, 0x21, MAPPED), { address: '10.1.2.3', port: 1 }],
  ['version 2, Unix', version2(0x21, 0x31, Array(216).fill(65)), null],
  ['version 2, unspecified', version2(0x21, 0x00, []), null],
  ['LOCAL', version2(0x20, 0x00, []), null],
  ['LOCAL with addresses that do not count', version2(0x20, 0x11, [1, 2, 3]), null],
];

describe('a PROXY header', () => {
  it.each(HEADERS)('is read: %s', (_, bytes, source) => {
    expect(readProxyHeader(bytes)).toEqual({ state: 'read', source, length: bytes.length });
  });

  it.each(HEADERS)('is waited for at every byte, and ends where it ends: %s', (_, bytes, source) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(readProxyHeader(bytes.subarray(0, length))).toEqual({ state: 'more' });
    }
    const behind = Buffer.concat([bytes, Buffer.from([0x10, 0x0c])]);
    expect(readProxyHeader(behind)).toEqual({ state: 'read', source, length: bytes.length });
  });

  it.each<[string, Buffer | string]>([
    ['MQTT', Buffer.from([0x10, 0x0c, 0x00, 0x04])],
    ['TLS', Buffer.from([0x16, 0x03, 0x01])],
    ['HTTP', 'GET / HTTP/1.1\r\n'],
    ['small letters', 'proxy TCP4 192.0.2.7 192.0.2.1 1 2\r\n'],
    ['two spaces', 'PROXY  TCP4 192.0.2.7 192.0.2.1 1 2\r\n'],
    ['a space at the end', 'PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n'],
    ['a missing port', 'PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n'],
    ['an unknown family', 'PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n'],
    ['an unknown word', 'PROXY UNKNOWNS\r\n'],
    ['an IPv6 address as TCP4', 'PROXY TCP4 ::1 192.0.2.1 1 2\r\n'],
    ['an IPv4 address as TCP6', 'PROXY TCP6 192.0.2.7 ::1 1 2\r\n'],
    ['octets with leading zeros', 'PROXY TCP4 192.000.002.007 192.0.2.1 1 2\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'],
    ['a wrong target', 'PROXY TCP4 192.0.2.7 x 1 2\r\n'],
    ['a port too great', 'PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n'],
    ['a port with a sign', 'PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n'],
    ['a port with zeros before', 'PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n'],
    ['a wrong target port', 'PROXY TCP4 192.0.2.7 192.0.2.1 1 -\r\n'],
    ['a line that ends late', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
    ['a line that does not end', `PROXY UNKNOWN ${'x'.repeat(93)}`],
    ['another version', version2(0x31, 0x11, IPV4)],
    ['another command', version2(0x22, 0x11, IPV4)],
    ['datagrams', version2(0x21, 0x12, IPV4)],
    ['an unknown family of version 2', version2(0x21, 0x41, IPV4)],
    ['no room for its addresses', version2(0x21, 0x11, IPV4.slice(0, 11))],
    ['no room for addresses of IPv6', version2(0x21, 0x21, IPV4)],
    ['a body without measure', version2(0x21, 0x11, IPV4, 4097)],
    ['a broken signature', Buffer.from([...SIGNATURE.slice(0, 11), 0x0b])],
  ])('is refused: %s', (_, bytes) => {
    expect(readProxyHeader(Buffer.from(bytes))).toMatchObject({ state: 'fault' });
  });

  it('shows its fault at the first byte that is wrong', () => {
    expect(readProxyHeader(Buffer.from([...SIGNATURE, 0x31]))).toMatchObject({ state: 'fault' });
    expect(readProxyHeader(Buffer.from([...SIGNATURE, 0x21, 0x99]))).toMatchObject({ state: 'fault' });
    expect(readProxyHeader(Buffer.from('PROXY X'.slice(0, 5).replace('Y', 'Z')))).toMatchObject({ state: 'fault' });
  });

  it('never throws and never waits for more than its bound', () => {
    const start = fc.constantFrom(
      Buffer.from('PROXY '),
      Buffer.from(SIGNATURE),
      Buffer.from([...SIGNATURE, 0x21, 0x11]),
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
        const bytes = Buffer.concat([head, tail]);
        const header = readProxyHeader(bytes);
        if (header.state === 'read') expect(header.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
    const endless = Buffer.concat([version2(0x21, 0x11, [], 4096), Buffer.alloc(MAX_PROXY_BYTES)]);
    expect(readProxyHeader(endless).state).toBe('read');
  });
});
