import { beforeEach, describe, expect, it } from 'vitest';
import { basic, createFixture, type Fixture } from '../testing/fakes.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});

describe('GET /health', () => {
  it.each([
    ['ok', 200],
    ['degraded', 200],
    ['starting', 503],
  ] as const)('says %s with %i to anybody, and nothing more', async (status, code) => {
    fixture.broker.now = { status, detail: 'inner matters' };
    const answer = await fixture.api.inject({ url: '/health', remoteAddress: '203.0.113.9' });
    expect([answer.statusCode, answer.body]).toEqual([code, JSON.stringify({ status })]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('answers HEAD', async () => {
    expect((await fixture.api.inject({ method: 'HEAD', url: '/health' })).statusCode).toBe(200);
  });
});

describe('GET /metrics', () => {
  it('has the figures of the broker, of history and of HTTP', async () => {
    await fixture.api.inject({ url: '/api/v1/series' });
    await fixture.api.inject({ url: '/some/unknown/path' });
    const answer = await fixture.api.inject({ url: '/metrics' });
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const line of [
      'sonde_build_info{version="1.2.3"} 1',
      'sonde_up 1',
      'sonde_connections 2',
      'sonde_messages_received_total 8',
      'sonde_history_state{state="ok"} 1',
      'sonde_history_state{state="down"} 0',
      'sonde_history_points_total 9',
      'sonde_history_last_commit_timestamp_seconds 1795244580.123456',
      'sonde_http_requests_total{method="GET",route="/api/v1/series",status="200"} 1',
      'sonde_http_requests_total{method="GET",route="unknown",status="404"} 1',
    ]) {
      expect(answer.body.split('\n')).toContain(line);
    }
    expect(answer.body).toMatch(/process_resident_memory_bytes \d+/);
  });

  it('counts anew at each look, and not twice', async () => {
    await fixture.api.inject({ url: '/metrics' });
    expect((await fixture.api.inject({ url: '/metrics' })).body).toContain('\nsonde_messages_sent_total 9\n');
  });

  it('does without history', async () => {
    fixture = await createFixture({ history: null });
    const answer = await fixture.api.inject({ url: '/metrics' });
    expect(answer.statusCode).toBe(200);
    expect(answer.body).not.toContain('sonde_history');
  });

  it('is for this machine or for a token that may do everything, also where anonymous access is open to all', async () => {
    const from = (remoteAddress: string, headers = {}) =>
      fixture.api.inject({ url: '/metrics', remoteAddress, headers });
    expect((await from('203.0.113.9')).statusCode).toBe(401);
    expect((await from('203.0.113.9', basic('owner', 'right'))).statusCode).toBe(200);
    expect((await from('203.0.113.9', basic('key', 'right'))).statusCode).toBe(403);

    const { access } = fixture;
    const openToAll: typeof access = {
      ...access,
      authenticate: (c) => access.authenticate({ ...c, remote: { ...c.remote, local: true } }),
    };
    fixture = await createFixture({ access: openToAll });
    expect((await fixture.api.inject({ url: '/api/v1/session', remoteAddress: '203.0.113.9' })).statusCode).toBe(200);
    expect((await from('203.0.113.9')).statusCode).toBe(401);
    expect((await from('127.0.0.1')).statusCode).toBe(200);
  });
});

describe('GET /api/v1/session', () => {
  const session = async (headers = {}) => (await fixture.api.inject({ url: '/api/v1/session', headers })).json();

  it('tells the web app who it is and what it can do', async () => {
    fixture = await createFixture({ mqttPort: () => 1884 });
    expect(await session(basic('key', 'right'))).toEqual({
      principal: 'key',
      anonymous: false,
      namespace: 'lab',
      namespaces: ['lab'],
      local: true,
      allTopics: true,
      publish: true,
      mqttPort: 1884,
      version: '1.2.3',
      now: '2026-11-21T07:03:00.123456Z',
      history: 'ok',
      historyDetail: '',
    });
  });

  it('tells a token that may only read', async () => {
    expect(await session(basic('reader', 'right'))).toMatchObject({ allTopics: false, publish: false, mqttPort: null });
    expect(await session(basic('narrow', 'right'))).toMatchObject({ allTopics: false, publish: true });
  });
});
