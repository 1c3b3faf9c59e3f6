import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFixture, type Fixture } from './testing/fakes.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});
afterEach(async () => {
  // Whatever was sent, the next one is served.
  expect((await fixture.api.inject({ url: '/api/v1/session' })).statusCode).toBe(200);
});

const publish = (body: string) =>
  fixture.api.inject({
    method: 'POST',
    url: '/api/v1/publish',
    headers: { 'content-type': 'application/json' },
    payload: body,
  });

describe('a hostile body', () => {
  it.each([
    '{"topic":"a","payload":"x","__proto__":{"polluted":1}}',
    '{"topic":"a","payload":{"__proto__":{"polluted":1}}}',
    '{"topic":"a","payload":[{"constructor":{"prototype":{"polluted":1}}}]}',
    '{"__proto__":{"topic":"a","payload":"x"}}',
    '{"\\u005f\\u005fproto__":{"polluted":1},"topic":"a","payload":"x"}',
  ])('cannot reach a prototype: %s', async (body) => {
    expect((await publish(body)).statusCode).toBe(400);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(fixture.broker.published).toEqual([]);
  });

  it('may be nested deeper than the stack', async () => {
    const depth = 500_000;
    const answer = await publish(`{"topic":"a","payload":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(answer.statusCode).toBe(400);
    expect(fixture.broker.published).toEqual([]);
  });

  it('may have a very long key', async () => {
    const answer = await publish(JSON.stringify({ ['k'.repeat(100_000)]: 1, topic: 'a', payload: 'x' }));
    expect(answer.statusCode).toBe(400);
    expect(answer.body.length).toBeLessThan(4000);
  });

  it('may have very many keys', async () => {
    const body = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, i]));
    const answer = await publish(JSON.stringify(body));
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toHaveLength(10);
  });
});

describe('a hostile query', () => {
  it.each([
    `/api/v1/series?topic=${'a'.repeat(70_000)}`,
    `/api/v1/series?topic=${'/'.repeat(65_536)}`,
    `/api/v1/series?${'limit=1&'.repeat(31)}limit=1`,
    `/api/v1/series?${'a=1&'.repeat(5000)}`,
    '/api/v1/series?topic=%ff',
    '/api/v1/series?topic=%',
    '/api/v1/series?topic=%ed%a0%80',
    '/api/v1/series?__proto__=1',
    '/api/v1/series?__proto__[x]=1',
    '/api/v1/series?constructor=1',
    '/api/v1/series?topic[]=a',
    '/api/v1/series?topic=a&topic=b',
    '/api/v1/points?topic=a&format=csv&format=json',
    '/api/v1/points?topic=a&from=2026-11-21&from=2026-11-22',
    '/api/v1/points?topic=a&limit=99999999999999999999',
    '/api/v1/points?topic=a&limit=NaN',
    '/api/v1/points?topic=a&limit=%20%2012',
    '/api/v1/points?topic=a&limit=0x10',
    '/api/v1/points?topic=a&limit=Infinity',
    `/api/v1/points?topic=a&from=${'2'.repeat(5000)}`,
    '/api/v1/session?namespace=__proto__&namespace=default',
    '/api/v1/topics?limit=',
  ])('is refused with 400: %$', async (url) => {
    const answer = await fixture.api.inject({ url });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.body.length).toBeLessThan(4000);
    expect(fixture.history.asked).toEqual([]);
  });

  it('is never part of the problem that answers it', async () => {
    const answer = await fixture.api.inject({ url: '/api/v1/series?secret=abc&limit=x' });
    expect(answer.json().instance).toBe('/api/v1/series');
  });
});

describe('a hostile path', () => {
  it.each(['/%', '/%ff', '/api/v1/%c3%28', '/api/%'])('with a bad escape is refused: %s', async (url) => {
    const answer = await fixture.api.inject({ url });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    '/(',
    '/:x(',
    '/a/:b',
    '/api/v1/*',
    '/*',
    `/${'a'.repeat(5000)}`,
    '/api/v1/series/',
    '/API/v1/series',
    '//api/v1/series',
    '/api//v1/series',
    '/api/v1/%73eries/x',
  ])('leads nowhere: %s', async (url) => {
    for (const method of ['GET', 'DELETE'] as const) {
      const answer = await fixture.api.inject({ method, url });
      expect([404, 405]).toContain(answer.statusCode);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.json().instance.length).toBeLessThanOrEqual(200);
    }
    expect(fixture.history.asked).toEqual([]);
  });
});

describe('another method', () => {
  it.each([
    ['PUT', '/api/v1/series', 'GET, HEAD'],
    ['GET', '/api/v1/publish', 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['OPTIONS', '/api/v1/points', 'GET, HEAD'],
    ['TRACE', '/', 'GET, HEAD'],
  ] as const)('%s of %s is answered with what is allowed', async (method, url, allow) => {
    const answer = await fixture.api.inject({ method: method as 'PUT', url });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, allow]);
    expect(answer.json().type).toMatch(/#method-not-allowed$/);
  });
});

describe('a hostile Host', () => {
  it.each([
    'evil.example/@localhost',
    'user@localhost',
    'localhost:99999999',
    'localhost:8080#x',
    'a b',
    '[::1',
    'localhost,evil.example',
  ])('is refused: %s', async (host) => {
    const answer = await fixture.api.inject({ url: '/health', headers: { host } });
    expect([answer.statusCode, answer.json().type]).toEqual([400, '/api/docs/problems#bad-request']);
  });

  it('of another name is passed on to who decides what is local', async () => {
    const seen: (string | undefined)[] = [];
    fixture = await createFixture({
      isLocal: ({ headers }) => {
        seen.push(headers.host);
        return headers.host !== 'evil.example:8080';
      },
    });
    const rebound = { host: 'evil.example:8080', origin: 'http://evil.example:8080' };
    expect((await fixture.api.inject({ url: '/api/v1/session', headers: rebound })).statusCode).toBe(401);
    expect(seen).toEqual(['evil.example:8080']);
  });
});
