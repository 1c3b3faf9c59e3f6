import { beforeEach, describe, expect, it } from 'vitest';
import type { PublishRefusal } from '../ports.ts';
import { basic, createFixture, type Fixture, topic } from '../testing/fakes.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});

const get = (url: string, headers: Record<string, string> = {}) => fixture.api.inject({ url, headers });
const publish = (payload: unknown, headers: Record<string, string> = {}) =>
  fixture.api.inject({
    method: 'POST',
    url: '/api/v1/publish',
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  });
const lastPayload = () => Buffer.from(fixture.broker.published.at(-1)?.request.payload ?? []).toString('latin1');

describe('POST /api/v1/publish', () => {
  it('publishes as the caller in its namespace, and answers 202', async () => {
    const answer = await publish({ topic: 'home/lamp', payload: 'on', qos: 1, retain: true }, basic('key', 'right'));
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ status: 'accepted', topic: 'home/lamp', bytes: 2 });
    expect(fixture.broker.published).toEqual([
      {
        world: 'lab',
        principal: 'key',
        request: { topic: 'home/lamp', payload: Buffer.from('on'), qos: 1, retain: true },
      },
    ]);
  });

  it('takes QoS 0 and no retain when they are left out', async () => {
    await publish({ topic: 'a', payload: '' });
    expect(fixture.broker.published[0]?.request).toEqual({
      topic: 'a',
      payload: Buffer.alloc(0),
      qos: 0,
      retain: false,
    });
  });

  it.each([
    ['text', 'text'],
    ['é', '\xc3\xa9'],
    [22.25, '22.25'],
    [true, 'true'],
    [null, 'null'],
    [{ a: [1, { b: 'x' }] }, '{"a":[1,{"b":"x"}]}'],
  ])('sends the payload %j as %j', async (payload, bytes) => {
    expect((await publish({ topic: 'a', payload })).statusCode).toBe(202);
    expect(lastPayload()).toBe(bytes);
  });

  it.each([
    ['/w==', '\xff'],
    ['_w', '\xff'],
    ['', ''],
  ])('sends the base64 %j as its bytes', async (payload, bytes) => {
    expect((await publish({ topic: 'a', payload, encoding: 'base64' })).statusCode).toBe(202);
    expect(lastPayload()).toBe(bytes);
  });

  it.each([
    [{ payload: 'x' }, /"topic" is missing/],
    [{ topic: 'a' }, /"payload" is missing/],
    [{ topic: '', payload: 'x' }, /topic.*empty/],
    [{ topic: 'a/#', payload: 'x' }, /topic.*wildcards/],
    [{ topic: 'a\0', payload: 'x' }, /NUL/],
    [{ topic: 'x'.repeat(65_536), payload: 'x' }, /65,535/],
    [{ topic: 7, payload: 'x' }, /"topic" must be a topic name, but is 7/],
    [{ topic: 'a', payload: 'x', qos: 3 }, /"qos" must be 0, 1 or 2, but is 3/],
    [{ topic: 'a', payload: 'x', qos: '1' }, /"qos" must be 0, 1 or 2, but is "1"/],
    [{ topic: 'a', payload: 'x', retain: 1 }, /"retain" must be true or false/],
    [{ topic: 'a', payload: 'x', encoding: 'hex' }, /"encoding" must be utf8 or base64/],
    [{ topic: 'a', payload: 'x=', encoding: 'base64' }, /"payload" must be text in base64/],
    [{ topic: 'a', payload: 'a b', encoding: 'base64' }, /"payload" must be text in base64/],
    [{ topic: 'a', payload: 1, encoding: 'base64' }, /"payload" must be text in base64/],
    [
      { topic: 'a', payload: 'x', reatin: true },
      /"reatin" is unknown; allowed are topic, payload, encoding, qos, retain/,
    ],
    [[], /must be a JSON object/],
    ['"text"', /must be a JSON object/],
    ['null', /must be a JSON object/],
    ['{"topic":"a\\ud800","payload":""}', /no valid Unicode/],
    ['{"topic":"a","payload":"\\ud800"}', /valid Unicode/],
  ])('refuses %j', async (body, detail) => {
    const answer = await publish(body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().detail).toMatch(detail);
    expect(fixture.broker.published).toEqual([]);
  });

  it.each([
    ['{"topic":', 'bad-json'],
    ['', 'bad-json'],
    [Buffer.from([0x22, 0xff, 0x22]), 'bad-json'],
  ])('refuses the body %j', async (body, problem) => {
    const answer = await publish(body);
    expect([answer.statusCode, answer.json().type]).toEqual([400, `/api/docs/problems#${problem}`]);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; application/json',
    'application/jsonx',
    'application/json; charset=latin1',
    'application/json\t; charset="utf-16"',
  ])('refuses the type %s', async (type) => {
    const answer = await publish({ topic: 'a', payload: 'x' }, { 'content-type': type });
    expect(answer.statusCode).toBe(415);
    expect(fixture.broker.published).toEqual([]);
  });

  it('refuses a body without a type', async () => {
    const answer = await fixture.api.inject({ method: 'POST', url: '/api/v1/publish', payload: Buffer.from('{}') });
    expect(answer.statusCode).toBe(415);
  });

  it('refuses a topic that the rules do not permit', async () => {
    const answer = await publish({ topic: 'secret/door', payload: 'open' }, basic('narrow', 'right'));
    expect(answer.statusCode).toBe(403);
    expect(fixture.broker.published).toEqual([]);
    expect((await publish({ topic: 'other', payload: 'x' }, basic('narrow', 'right'))).statusCode).toBe(202);
  });

  it.each<[PublishRefusal, number]>([
    ['not-authorized', 403],
    ['bad-topic', 400],
    ['too-large', 413],
    ['full', 503],
    ['unavailable', 503],
  ])('passes on that the broker says %s', async (reason, status) => {
    fixture.broker.answer = { ok: false, reason, detail: 'Because.' };
    const answer = await publish({ topic: 'a', payload: 'x' });
    expect([answer.statusCode, answer.json().detail]).toEqual([status, 'Because.']);
  });

  it('refuses a body beyond the limit', async () => {
    const answer = await publish({ topic: 'a', payload: 'x'.repeat(2 * 1024 * 1024) });
    expect([answer.statusCode, answer.json().type]).toEqual([413, '/api/docs/problems#too-large']);
  });
});

describe('GET /api/v1/clients', () => {
  it('lists sessions', async () => {
    const answer = await get('/api/v1/clients');
    expect(answer.json().clients).toMatchObject([
      {
        clientId: 'esp_a6a8d500',
        protocol: '3.1.1',
        connectedAt: '2026-11-21T07:03:00.123456Z',
        disconnectedAt: '2026-11-21T07:03:00.123461Z',
        sessionExpiry: null,
        subscriptions: [{ filter: 'home/lamp/set', qos: 1 }],
      },
    ]);
  });

  it('is not for credentials with topic rules', async () => {
    expect((await get('/api/v1/clients', basic('narrow', 'right'))).statusCode).toBe(403);
  });

  it('is bounded', async () => {
    expect((await get('/api/v1/clients?limit=10001')).statusCode).toBe(400);
    expect((await get('/api/v1/clients?limit=1')).headers['sonde-truncated']).toBeUndefined();
  });
});

describe('GET /api/v1/topics', () => {
  it('shows the last payloads as text, or as base64 where they are none', async () => {
    const { topics } = (await get('/api/v1/topics')).json();
    expect(topics).toMatchObject([
      { topic: '/sensors/temperature', payload: '22.25', encoding: 'utf8', truncated: false },
      { topic: 'secret/door', payload: '/wA=', encoding: 'base64' },
      { topic: 'long', payload: 'temp', encoding: 'utf8', payloadBytes: 12, truncated: true },
    ]);
    expect(topics[0].last).toBe('2026-11-21T07:03:00.123456Z');
  });

  it('filters by topic and by what the credentials may receive', async () => {
    const names = async (query: string, headers = {}) =>
      (await get(`/api/v1/topics${query}`, headers)).json().topics.map((info: { topic: string }) => info.topic);
    expect(await names('?topic=/sensors/+')).toEqual(['/sensors/temperature']);
    expect(await names('', basic('narrow', 'right'))).toEqual(['/sensors/temperature', 'long']);
    expect(await names('?topic=secret/%23', basic('narrow', 'right'))).toEqual([]);
  });

  it('fills its limit beyond topics that rules leave out', async () => {
    fixture.broker.all = [topic('secret/a', Buffer.alloc(0)), topic('b', Buffer.alloc(0)), topic('c', Buffer.alloc(0))];
    const answer = await get('/api/v1/topics?limit=1', basic('narrow', 'right'));
    expect(answer.json().topics).toMatchObject([{ topic: 'b' }]);
    expect(answer.headers['sonde-truncated']).toBe('true');
  });

  it('refuses a filter that is none', async () => {
    expect((await get('/api/v1/topics?topic=a%23')).statusCode).toBe(400);
  });
});
