import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { nothingReached, type Reached } from '../base/index.ts';
import { HistoryError } from '../history/index.ts';
import type { ApiOptions } from './api.ts';
import { createFixture, type Fixture, fakeHistory, jsonAnswer } from './testing/fakes.ts';
import { talk } from './testing/talk.ts';

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const counted = (reached: Reached) => Object.fromEntries(Object.entries(reached).filter(([, count]) => count > 0));

async function start(limits: NonNullable<ApiOptions['limits']>, more: Partial<ApiOptions> = {}) {
  const reached = nothingReached();
  const fixture: Fixture = await createFixture({ reached, limits: { closeGraceMs: 0, ...limits }, ...more });
  open.push(fixture.api);
  const { port } = await fixture.api.listen('127.0.0.1', 0);
  return { ...fixture, port, reached, url: `http://127.0.0.1:${port}` };
}

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`;

describe('at its bound of', () => {
  it('sockets, one more is closed; one that ends makes room', async () => {
    const { port, reached, api } = await start({ connections: 1 });
    const first = connect(port, '127.0.0.1');
    open.push({ close: () => first.destroy() });
    first.write(`${GET('/health')}\r\n`);
    await once(first, 'data');
    expect(await talk(port, `${GET('/health')}\r\n`)).toBe('');
    expect(counted(reached)).toEqual({ maxHttpConnections: 1 });
    first.destroy();
    const free = async () => (await talk(port, `${GET('/health')}Connection: close\r\n\r\n`)).slice(0, 12);
    await expect.poll(free).toBe('HTTP/1.1 200');
    expect(api.listeners()).toHaveLength(1);
  });

  it('requests under way, one more gets 503 and when to come again', async () => {
    let end = () => {};
    const history = fakeHistory();
    const slow = {
      ...history,
      points: () =>
        new Promise<ReturnType<typeof jsonAnswer>>((resolve) => {
          end = () => resolve(jsonAnswer([]));
        }),
    };
    const { url, reached } = await start({ requests: 1 }, { history: slow });
    const first = fetch(`${url}/api/v1/points?topic=a`);
    await expect.poll(() => end.name).toBe('end');
    const refused = await fetch(`${url}/health`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ status: 503, detail: '1 requests are under way already.' });
    end();
    expect((await first).status).toBe(200);
    await (await first).text();
    await expect.poll(async () => (await fetch(`${url}/health`)).status).toBe(200);
    expect(reached.maxHttpRequests).toBeGreaterThan(0);
  });

  it('the body of a request, it gets 413', async () => {
    const { url, reached } = await start({ bodyBytes: 1024 });
    const body = JSON.stringify({ topic: 't', payload: 'x'.repeat(2000) });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/api/v1/publish`, { method: 'POST', body, headers });
    expect(answer.status).toBe(413);
    expect(counted(reached)).toEqual({ httpBodyBytes: 1 });
  });

  it('its line and headers, it gets 431', async () => {
    const { port, reached } = await start({ headerBytes: 2000 });
    const answer = await talk(port, `${GET('/health')}X-Long: ${'x'.repeat(4000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(counted(reached)).toEqual({ httpHeaderBytes: 1 });
  });

  it('its time, it gets 408', async () => {
    const { port, reached } = await start({ headersTimeoutMs: 100, requestTimeoutMs: 200 });
    expect(await talk(port, GET('/health'))).toMatch(/^HTTP\/1\.1 408 /);
    expect(counted(reached)).toEqual({ httpRequestTimeoutS: 1 });
  });

  it('questions to history whose answers are under way, it gets 503', async () => {
    const { api, reached } = await start({ queriesAtOnce: 0 });
    expect((await api.inject({ url: '/api/v1/points?topic=a' })).statusCode).toBe(503);
    expect(counted(reached)).toEqual({ httpQueries: 1 });
  });

  it('downloads under way, it gets 503', async () => {
    const { api, reached } = await start({ downloadsAtOnce: 0 });
    expect((await api.inject({ url: '/api/v1/points?topic=a&format=csv' })).statusCode).toBe(503);
    expect(counted(reached)).toEqual({ httpDownloads: 1 });
  });

  it.each([
    ['busy', 503, 'historyQueries'],
    ['timeout', 504, 'historyQueryTimeoutS'],
  ] as const)('history itself (%s), it gets %i', async (code, status, bound) => {
    const { api, history, reached } = await start({});
    history.fail = new HistoryError(code, 'not now');
    expect((await api.inject({ url: '/api/v1/points?topic=a' })).statusCode).toBe(status);
    expect(counted(reached)).toEqual({ [bound]: 1 });
  });
});
