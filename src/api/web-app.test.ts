import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFixture, type Fixture } from './testing/fakes.ts';
import { talk } from './testing/talk.ts';

const HTML = { accept: 'text/html,application/xhtml+xml' };

describe('the web app', () => {
  let folder: string;
  let fixture: Fixture;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-web-'));
    const root = join(folder, 'web');
    mkdirSync(join(root, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    writeFileSync(join(root, 'index.html'), '<!doctype html><title>App</title>');
    writeFileSync(join(root, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
    writeFileSync(join(root, 'assets', 'index-BxY1.js'), 'export {};');
    writeFileSync(join(root, '.env'), 'SECRET=1');
    symlinkSync('assets', join(root, 'linked'));
    fixture = await createFixture({ webRoot: root });
  });
  afterAll(async () => {
    await fixture.api.close();
    rmSync(folder, { recursive: true });
  });

  const get = (url: string, headers: Record<string, string> = {}) =>
    fixture.api.inject({ url, headers, remoteAddress: '203.0.113.9' });

  it('is served to anybody, since it holds no data', async () => {
    const answer = await get('/', HTML);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.body).toContain('App');
  });

  it('is asked for anew each time, but for what is named by its content', async () => {
    expect((await get('/')).headers['cache-control']).toBe('no-cache');
    expect((await get('/favicon.svg')).headers['cache-control']).toBe('no-cache');
    expect((await get('/assets/index-BxY1.js')).headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': expect.stringMatching(/\/javascript; charset=utf-8$/),
    });
    const { etag } = (await get('/')).headers;
    expect((await get('/', { 'if-none-match': String(etag) })).statusCode).toBe(304);
  });

  it('is kept from loading, or being framed by, anything else', async () => {
    const { headers } = await get('/');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' });
    const policy = String(headers['content-security-policy']).split('; ');
    for (const rule of [
      "default-src 'self'",
      "script-src 'self'",
      "connect-src 'self' ws: wss:",
      "frame-ancestors 'self'",
      "object-src 'none'",
    ]) {
      expect(policy).toContain(rule);
    }
  });

  it('opens on its own paths too', async () => {
    for (const url of ['/topics/a/b', '/settings?x=1']) {
      const answer = await get(url, HTML);
      expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-cache']);
      expect(answer.body).toContain('App');
    }
  });

  it.each(['/api', '/api/', '/api/v1', '/api/v1/nope', '/assets/old-1.js'])('is not the answer to %s', async (url) => {
    const answer = await get(url, HTML);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([404, 'application/problem+json']);
  });

  it('is not the answer to a script that asks for what is not there', async () => {
    expect((await get('/nope', { accept: '*/*' })).statusCode).toBe(404);
    expect((await fixture.api.inject({ method: 'POST', url: '/nope', headers: HTML })).statusCode).toBe(404);
  });

  it('answers HEAD as GET, without a body', async () => {
    const answer = await fixture.api.inject({ method: 'HEAD', url: '/' });
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/%252e%252e/secret.txt',
    '//secret.txt',
    '/.env',
    '/assets/../.env',
    '/%00',
    '/index.html%00.js',
  ])('gives nothing for %s', async (url) => {
    // Over a socket, because `inject` tidies the path up.
    const { port } = fixture.api.listeners()[0] ?? (await fixture.api.listen('127.0.0.1', 0));
    const answer = await talk(port, `GET ${url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 40[034] /);
    expect(answer).toContain('content-type: application/problem+json');
    expect(answer.toLowerCase()).not.toMatch(/secret=|secret$/);
    expect(answer).not.toContain(folder);
  });

  it('tells a plain request that its WebSocket address is one', async () => {
    const answer = await get('/mqtt', HTML);
    expect([answer.statusCode, answer.headers['upgrade']]).toEqual([426, 'websocket']);
  });

  it('answers when its files were taken away while it runs', async () => {
    const root = join(folder, 'gone');
    mkdirSync(root);
    writeFileSync(join(root, 'index.html'), 'x');
    const { api } = await createFixture({ webRoot: root });
    rmSync(root, { recursive: true });
    for (const url of ['/', '/page']) expect((await api.inject({ url, headers: HTML })).statusCode).toBe(404);
  });
});

describe('without a built web app', () => {
  it('a plain page says so', async () => {
    const { api } = await createFixture();
    for (const url of ['/', '/topics']) {
      const answer = await api.inject({ url, headers: HTML });
      expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store']);
      expect(answer.body).toContain('not built');
    }
    expect((await api.inject({ url: '/topics' })).statusCode).toBe(404);
  });
});
