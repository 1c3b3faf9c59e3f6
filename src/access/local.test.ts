import { describe, expect, it } from 'vitest';
import { isLocal, type RequestHeaders } from './local.ts';

const OWN: RequestHeaders = { host: 'localhost:8080' };

describe('plain MQTT', () => {
  it.each<[string | undefined, boolean]>([
    ['127.0.0.1', true],
    ['127.8.9.10', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::FFFF:127.0.0.1', true],
    ['128.0.0.1', false],
    ['192.168.1.7', false],
    ['::ffff:192.168.1.7', false],
    ['::ffff:127.0.0.1.evil', false],
    ['127.0.0.1.evil.example', false],
    ['127.1', false],
    ['::', false],
    ['0.0.0.0', false],
    ['fe80::1', false],
    ['', false],
    [undefined, false],
  ])('from %s is local: %s', (peerAddress, expected) => {
    expect(isLocal({ peerAddress, headers: null })).toBe(expected);
  });
});

describe('a request from a loopback address', () => {
  it.each<[string, RequestHeaders, boolean]>([
    ['to localhost', OWN, true],
    ['to LOCALHOST', { host: 'LOCALHOST:8080' }, true],
    ['to localhost without a port', { host: 'localhost' }, true],
    ['to an IPv4 address', { host: '127.0.0.1:8080' }, true],
    ['to an address of the local network', { host: '192.168.1.20:8080' }, true],
    ['to an IPv6 address', { host: '[::1]:8080' }, true],
    ['without a Host', {}, false],
    ['with an empty Host', { host: '' }, false],
    ['with two Hosts', { host: ['localhost', 'localhost'] }, false],
    ['to a name that DNS rebinding points here', { host: 'evil.example:8080' }, false],
    ['to a name that only begins like ours', { host: 'localhost.evil.example' }, false],
    ['to a name that only begins like an address', { host: '127.0.0.1.evil.example' }, false],
    ['to a short form of an address', { host: '127.1' }, false],
    ['to a host with credentials', { host: 'a@localhost' }, false],
    ['to a host with a path', { host: 'localhost/evil' }, false],
    ['to an IPv6 address without brackets', { host: '::1' }, false],
  ])('%s: %s', (_, headers, expected) => {
    expect(isLocal({ peerAddress: '127.0.0.1', headers })).toBe(expected);
    expect(isLocal({ peerAddress: '192.168.1.7', headers })).toBe(false);
  });

  it.each([
    'forwarded',
    'via',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-anything',
    'x-real-ip',
    'x-client-ip',
    'cf-connecting-ip',
    'cf-ray',
    'true-client-ip',
    'tailscale-user-login',
  ])('is not local behind a proxy that sends %s, even an empty one', (name) => {
    expect(isLocal({ peerAddress: '127.0.0.1', headers: { ...OWN, [name]: '127.0.0.1' } })).toBe(false);
    expect(isLocal({ peerAddress: '127.0.0.1', headers: { ...OWN, [name]: '' } })).toBe(false);
  });

  it.each<[host: string, origin: string | readonly string[], expected: boolean]>([
    ['localhost:8080', 'http://localhost:8080', true],
    ['localhost:8080', 'https://localhost:8080', true],
    ['localhost', 'http://localhost', true],
    ['localhost:80', 'http://localhost', true],
    ['localhost:443', 'https://localhost', true],
    ['[::1]:8080', 'http://[::1]:8080', true],
    ['[0:0:0:0:0:0:0:1]:8080', 'http://[::1]:8080', true],
    ['192.168.1.20:8080', 'http://192.168.1.20:8080', true],
    ['localhost:8080', 'http://127.0.0.1:8080', false],
    ['localhost:8080', 'http://localhost:3000', false],
    ['localhost:8080', 'http://localhost', false],
    ['localhost:8080', 'https://evil.example', false],
    ['localhost:8080', 'https://evil.example:8080', false],
    ['localhost:8080', 'http://localhost.evil.example:8080', false],
    ['localhost:8080', 'http://localhost:8080@evil.example', false],
    ['localhost:8080', 'http://user@localhost:8080', false],
    ['localhost:8080', 'chrome-extension://localhost:8080', false],
    ['localhost:8080', 'null', false],
    ['localhost:8080', '', false],
    ['localhost:8080', 'localhost:8080', false],
    ['localhost:8080', ['http://localhost:8080', 'https://evil.example'], false],
  ])('to %s from a page of %j: %s', (host, origin, expected) => {
    expect(isLocal({ peerAddress: '::1', headers: { host, origin } })).toBe(expected);
  });

  it.each<[headers: RequestHeaders, expected: boolean]>([
    [{ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, true],
    [{ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, true],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, true],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }, false],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }, false],
    [{ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }, false],
  ])('of a browser that says %j: %s', (headers, expected) => {
    expect(isLocal({ peerAddress: '::1', headers: { ...OWN, ...headers } })).toBe(expected);
  });
});
