import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { HistoryError } from '../../history/index.ts';
import { basic, createFixture, type Fixture, jsonAnswer, POINTS, sourceOf } from '../testing/fakes.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});

const get = (url: string, headers: Record<string, string> = {}) =>
  fixture.api.inject({ url: `/api/v1${url}`, headers });

describe('GET /api/v1/series', () => {
  it('lists what was recorded, with times of six decimals', async () => {
    const answer = await get('/series?topic=/sensors/%23');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      series: [
        {
          id: 1,
          topic: '/sensors/temperature',
          field: 'value',
          unit: null,
          count: 3,
          first: '2026-11-21T07:03:00.123456Z',
          last: '2026-11-21T07:03:02.123457Z',
          lastValue: 22.25,
        },
      ],
    });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('lists only what the credentials may receive', async () => {
    const answer = await get('/series', basic('narrow', 'right'));
    expect(answer.json().series.map((row: { topic: string }) => row.topic)).toEqual(['/sensors/temperature']);
  });

  it('says when there is more than the limit', async () => {
    const answer = await get('/series?limit=1');
    expect(answer.json().series).toHaveLength(1);
    expect(answer.headers['sonde-truncated']).toBe('true');
    expect((await get('/series?limit=2')).headers['sonde-truncated']).toBeUndefined();
  });

  it.each([
    ['topic=a/b%23', /topic.*whole level/],
    ['topic=', /topic.*empty/],
    ['topic=a%00', /NUL/],
    ['limit=0', /limit.*from 1 to 10000.*"0"/],
    ['limit=10001', /limit.*from 1 to 10000/],
    ['limit=1e3', /limit.*from 1 to 10000.*"1e3"/],
    ['limit=-1', /limit/],
    ['limit=1.5', /limit/],
    ['topics=a', /"topics" is unknown; allowed are topic, limit, namespace/],
    ['topic=a&topic=b', /"topic" is given 2 times/],
  ])('refuses ?%s', async (query, detail) => {
    const answer = await get(`/series?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().detail).toMatch(detail);
    expect(answer.json().errors).toHaveLength(1);
    expect(fixture.history.asked).toEqual([]);
  });
});

describe('GET /api/v1/points', () => {
  it('gives times and values as they are', async () => {
    const answer = await get('/points?topic=/sensors/temperature');
    expect(answer.json()).toEqual({
      points: [
        ['2026-11-21T07:03:00.123456Z', 22.25],
        ['2026-11-21T07:03:00.123457Z', null],
        ['2026-11-21T07:03:00.123458Z', '9007199254740993'],
        ['2026-11-21T07:03:00.123459Z', { base64: '/w==' }],
      ],
    });
    expect(fixture.history.asked).toEqual([
      { points: { world: 1, topic: '/sensors/temperature', field: 'value', fromUs: null, toUs: null, limit: 10_000 } },
    ]);
  });

  it('asks for the span and the number that were given', async () => {
    await get('/points?topic=t&field=value&from=2026-11-21T08:03:00.123456789+01:00&to=2026-11-22&limit=2');
    expect(fixture.history.asked).toEqual([
      {
        points: {
          world: 1,
          topic: 't',
          field: 'value',
          fromUs: 1_795_244_580_123_457,
          toUs: 1_795_305_600_000_000,
          limit: 2,
        },
      },
    ]);
  });

  it('says when there is more than the limit', async () => {
    const answer = await get('/points?topic=t&limit=2');
    expect(answer.json().points).toHaveLength(2);
    expect(answer.headers['sonde-truncated']).toBe('true');
  });

  it('gives buckets for points=', async () => {
    const answer = await get('/points?topic=t&points=100');
    expect(answer.json()).toEqual({ points: [['2026-11-21T07:03:00.123456Z', 1, 2, 3]] });
    expect(fixture.history.asked).toMatchObject([{ buckets: { buckets: 100 } }]);
  });

  it('passes a large answer on as it comes', async () => {
    const body = sourceOf(Readable.from([Buffer.from('{"points":['), Buffer.from(']}')]));
    fixture = await createFixture({ history: { ...fixture.history, points: async () => ({ truncated: true, body }) } });
    const answer = await get('/points?topic=t&limit=100000');
    expect(answer.json()).toEqual({ points: [] });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'sonde-truncated': 'true',
    });
  });

  it.each([
    ['', /"topic" is missing/],
    ['topic=a/%2B', /topic.*wildcards/],
    ['topic=a&limit=5&points=5', /"points" cannot be given together with "limit"/],
    ['topic=a&limit=1000001', /limit.*1000000/],
    ['topic=a&points=0', /points.*from 1 to 10000/],
    ['topic=a&points=10001', /points.*from 1 to 10000/],
    ['topic=a&from=now', /from.*ISO 8601.*"now"/],
    ['topic=a&to=2026-02-30', /to.*ISO 8601/],
    ['topic=a&from=2026-11-22&to=2026-11-21', /"from" must not be after "to"/],
    ['topic=a&format=xlsx', /format.*json, csv, parquet or hdf5.*"xlsx"/],
    ['topic=a&format=csv&limit=5', /"limit" is not for downloads/],
    ['topic=a&format=csv&points=5', /"points" is not for downloads/],
    ['topic=a&feild=b', /"feild" is unknown/],
  ])('refuses ?%s', async (query, detail) => {
    const answer = await get(`/points?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json().detail).toMatch(detail);
    expect(answer.json()).toMatchObject({ status: 400, title: 'Invalid parameter', instance: '/api/v1/points' });
    expect(fixture.history.asked).toEqual([]);
  });

  it('shows no more than the beginning of what it refuses', async () => {
    const answer = await get(`/points?topic=a&field=${'x'.repeat(1025)}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().detail).toMatch(/field.*1024.*\(1027 characters\)/);
    expect(answer.body.length).toBeLessThan(800);
  });

  it('refuses a topic that the credentials may not receive, also as a download', async () => {
    for (const suffix of ['', '&points=5', '&format=csv']) {
      const answer = await get(`/points?topic=secret/door${suffix}`, basic('narrow', 'right'));
      expect(answer.statusCode).toBe(403);
    }
    expect(fixture.history.asked).toEqual([]);
  });

  it('does not know a series that was never recorded', async () => {
    const answer = await get('/points?topic=t&field=kT');
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({
      type: '/api/docs/problems#unknown-series',
      detail: 'There is no series kT of t.',
    });
  });
});

describe('a download', () => {
  it.each([
    ['csv', 'text/csv; charset=utf-8', 'attachment; filename="sensors_temperature_value.csv"'],
    ['parquet', 'application/vnd.apache.parquet', 'attachment; filename="sensors_temperature_value.parquet"'],
    ['hdf5', 'application/x-hdf5', 'attachment; filename="sensors_temperature_value.h5"'],
  ])('of %s has its type and name', async (format, type, disposition) => {
    const answer = await get(`/points?topic=/sensors/temperature&field=value&format=${format}`);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe(type);
    expect(answer.headers['content-disposition']).toBe(disposition);
    expect(answer.body).toBe('time,value\nx,1\n');
    expect(fixture.history.asked).toMatchObject([{ export: { field: 'value', format } }]);
  });

  it('has all fields when none is named', async () => {
    const answer = await get('/points?topic=salle/température&format=csv&from=1970-01-01T00:00:01');
    expect(answer.headers['content-disposition']).toBe(
      `attachment; filename="salle_temp_rature.csv"; filename*=UTF-8''salle_temp%C3%A9rature.csv`,
    );
    expect(fixture.history.asked).toEqual([
      { export: { world: 1, topic: 'salle/température', field: null, fromUs: 1_000_000, toUs: null, format: 'csv' } },
    ]);
  });

  it('may be empty', async () => {
    fixture.history.exportStream = () => Readable.from([]);
    const answer = await get('/points?topic=t&format=csv');
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
  });

  it('that fails before its first byte still has a status', async () => {
    fixture.history.exportStream = () =>
      new Readable({
        read() {
          this.destroy(new HistoryError('unknown-series', 'There is no series of t.'));
        },
      });
    const answer = await get('/points?topic=t&format=hdf5');
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['content-disposition']).toBeUndefined();
  });

  it('is not made for HEAD', async () => {
    const answer = await fixture.api.inject({ method: 'HEAD', url: '/api/v1/points?topic=t&format=csv' });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-disposition']).toBe('attachment; filename="t.csv"');
    expect(fixture.history.asked).toEqual([]);
  });
});

describe('history that cannot answer', () => {
  it.each([
    ['unknown-series', 404, 'unknown-series'],
    ['busy', 503, 'busy'],
    ['timeout', 504, 'history-timeout'],
    ['no-memory', 503, 'history-memory'],
    ['unavailable', 503, 'history-unavailable'],
    ['failed', 500, 'history-failed'],
  ] as const)('with %s gives %i', async (code, status, problem) => {
    fixture.history.fail = new HistoryError(code, 'at /data/history.duckdb');
    for (const url of ['/series', '/points?topic=t', '/points?topic=t&points=3', '/points?topic=t&format=csv']) {
      const answer = await get(url);
      expect(answer.statusCode).toBe(status);
      expect(answer.json().type).toBe(`/api/docs/problems#${problem}`);
      expect(answer.headers['retry-after']).toBe(status === 503 ? '2' : undefined);
      if (code === 'failed') expect(answer.body).not.toContain('duckdb');
    }
  });

  it('with a fault that nobody foresaw tells nothing of it', async () => {
    fixture.history.fail = new TypeError('cannot read properties of undefined');
    const answer = await get('/series');
    expect([answer.statusCode, answer.json().detail]).toEqual([500, 'The request could not be completed.']);
  });

  it('because it is off says so', async () => {
    fixture = await createFixture({ history: null });
    for (const url of ['/series', '/points?topic=t', '/points?topic=t&format=csv']) {
      const answer = await get(url);
      expect(answer.statusCode).toBe(404);
      expect(answer.json()).toMatchObject({ type: '/api/docs/problems#history-off' });
    }
    expect((await get('/session')).json().history).toBe('off');
  });
});

describe('bounds', () => {
  it('let only so many questions be under way, and free their places', async () => {
    let answerAll = () => {};
    const wait = new Promise<void>((resolve) => {
      answerAll = resolve;
    });
    const slow = { ...fixture.history, points: () => wait.then(() => jsonAnswer(POINTS)) };
    fixture = await createFixture({ history: slow, limits: { queriesAtOnce: 2 } });
    const first = [get('/points?topic=t'), get('/points?topic=t')];
    const third = await get('/points?topic=t');
    expect([third.statusCode, third.headers['retry-after'], third.json().type]).toEqual([
      503,
      '1',
      '/api/docs/problems#busy',
    ]);
    answerAll();
    expect((await Promise.all(first)).map((answer) => answer.statusCode)).toEqual([200, 200]);
    expect((await get('/points?topic=t')).statusCode).toBe(200);
  });

  it('let only so many downloads be under way, and free their places, also after faults', async () => {
    const { history } = fixture;
    fixture = await createFixture({ history, limits: { downloadsAtOnce: 1 } });
    history.fail = new HistoryError('failed', 'x');
    for (let i = 0; i < 3; i++) expect((await get('/points?topic=t&format=csv')).statusCode).toBe(500);
    history.fail = null;
    for (let i = 0; i < 3; i++) expect((await get('/points?topic=t&format=csv')).statusCode).toBe(200);
    const stuck = new Readable({ read() {} });
    history.exportStream = () => stuck;
    const running = get('/points?topic=t&format=csv');
    const refused = await get('/points?topic=t&format=csv');
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '5']);
    stuck.push(null);
    expect((await running).statusCode).toBe(200);
  });
});
