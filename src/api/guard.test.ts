import { beforeEach, describe, expect, it } from 'vitest';
import { ALL_TOPICS } from '../access/index.ts';
import { parseBasic } from './basic-auth.ts';
import { basic, createFixture, type Fixture } from './testing/fakes.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});

const ask = (headers: Record<string, string>, remoteAddress = '192.168.1.7', url = '/api/v1/session') =>
  fixture.api.inject({ url, headers, remoteAddress });

describe('who asks', () => {
  it('is nobody from this machine, and may', async () => {
    const answer = await ask({}, '127.0.0.1');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      principal: 'anonymous',
      anonymous: true,
      namespace: 'default',
      local: true,
    });
  });

  it('must sign in from another machine', async () => {
    const answer = await ask({});
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Basic realm="Sonde", charset="UTF-8"');
    expect(answer.json()).toMatchObject({ type: '/api/docs/problems#not-authenticated', status: 401 });
  });

  it.each([{ 'x-requested-with': 'sonde' }, { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }])(
    'is not shown a window of the browser when a script asks: %j',
    async (headers) => {
      const answer = await ask(headers);
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).not.toMatch(/basic/i);
    },
  );

  it('is the token that signed in', async () => {
    const answer = await ask(basic('key', 'right'));
    expect(answer.json()).toMatchObject({
      principal: 'key',
      anonymous: false,
      namespace: 'lab',
      local: false,
      allTopics: true,
    });
    expect(fixture.access.asked.at(-1)).toMatchObject({
      clientId: '',
      username: 'key',
      remote: { address: '192.168.1.7', transport: 'http', local: false },
    });
  });

  it('is refused with a wrong secret, even from this machine, and is not told why', async () => {
    const answer = await ask(basic('key', 'wrong'), '127.0.0.1');
    expect(answer.statusCode).toBe(401);
    expect(answer.body).not.toContain('only for the log');
  });

  it.each([
    'Bearer abc',
    'Basic',
    'Basic !!!',
    'Basic a2V5',
    'Basic Og==',
    `Basic ${Buffer.from([0xff, 0x3a]).toString('base64')}`,
  ])('is refused with the header %s', async (authorization) => {
    expect((await ask({ authorization }, '127.0.0.1')).statusCode).toBe(401);
    expect(fixture.access.asked).toEqual([]);
  });

  it('may be known and barred', async () => {
    expect((await ask(basic('barred', 'x'))).statusCode).toBe(403);
  });

  it('is asked to come again when credentials cannot be checked, also when the check itself breaks', async () => {
    fixture.access.broken = true;
    const answer = await ask(basic('key', 'right'));
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2']);

    const broken = await createFixture({
      access: { authenticate: () => Promise.reject(new Error('boom')), onRevoked: () => {} },
    });
    const other = await broken.api.inject({ url: '/api/v1/session' });
    expect(other.statusCode).toBe(503);
    expect(other.body).not.toContain('boom');
  });

  it('is told as an IPv4 address where the socket maps it', async () => {
    await ask(basic('key', 'right'), '::ffff:192.168.1.7');
    expect(fixture.access.asked.at(-1)?.remote.address).toBe('192.168.1.7');
  });

  it('has a secret that may hold colons and any bytes', () => {
    const header = `Basic ${Buffer.concat([Buffer.from('k:a:b'), Buffer.from([0xff])]).toString('base64')}`;
    expect(parseBasic(header)).toEqual({ key: 'k', secret: Uint8Array.from([0x61, 0x3a, 0x62, 0xff]) });
  });
});

describe('the figures of the whole server', () => {
  const metrics = async (headers: Record<string, string>, address: string) => {
    const { statusCode, body } = await ask(headers, address, '/metrics');
    return { statusCode, told: body.includes('sonde_connections') };
  };

  it('are for this machine, and for a token that may do everything', async () => {
    expect(await metrics({}, '127.0.0.1')).toEqual({ statusCode: 200, told: true });
    expect(await metrics(basic('owner', 'right'), '192.168.1.7')).toEqual({ statusCode: 200, told: true });
  });

  it('are not for a token of another namespace, one that rules narrow, or a read-only one', async () => {
    for (const address of ['192.168.1.7', '127.0.0.1']) {
      for (const key of ['key', 'narrow', 'reader']) {
        expect(await metrics(basic(key, 'right'), address)).toEqual({ statusCode: 403, told: false });
      }
    }
  });

  it('are not for somebody from afar without a name, also where everybody is let in', async () => {
    expect(await metrics({}, '192.168.1.7')).toEqual({ statusCode: 401, told: false });
    const open = await createFixture({
      access: {
        authenticate: () => ({
          ok: true,
          principal: { name: 'anonymous', kind: 'anonymous', world: 'default', rules: ALL_TOPICS },
        }),
        onRevoked: () => {},
      },
    });
    const answer = await open.api.inject({ url: '/metrics', remoteAddress: '192.168.1.7' });
    expect([answer.statusCode, answer.body.includes('sonde_connections')]).toEqual([401, false]);
  });
});

describe('a namespace', () => {
  it('may be named when it is that of the credentials', async () => {
    expect((await ask(basic('key', 'right'), '192.168.1.7', '/api/v1/series?namespace=lab')).statusCode).toBe(200);
    expect(fixture.history.asked).toEqual([{ series: { world: 2, filter: '#', limit: 1001 } }]);
  });

  it.each(['/session', '/series', '/points?topic=a', '/clients', '/topics'])(
    'of others is refused on %s',
    async (path) => {
      const url = `/api/v1${path}${path.includes('?') ? '&' : '?'}namespace=default`;
      const answer = await ask(basic('key', 'right'), '192.168.1.7', url);
      expect(answer.statusCode).toBe(403);
      expect(answer.json().type).toMatch(/#foreign-namespace$/);
      expect(fixture.history.asked).toEqual([]);
    },
  );

  it('of others is refused to a publish', async () => {
    const answer = await fixture.api.inject({
      method: 'POST',
      url: '/api/v1/publish?namespace=lab',
      payload: { topic: 'a', payload: '' },
    });
    expect(answer.statusCode).toBe(403);
    expect(fixture.broker.published).toEqual([]);
  });

  it('that is gone has no history', async () => {
    const answer = await ask(basic('lost', 'right'), '192.168.1.7', '/api/v1/series');
    expect([answer.statusCode, answer.json().type]).toEqual([404, '/api/docs/problems#unknown-namespace']);
  });
});

describe('a page of another site', () => {
  const foreign = { origin: 'http://evil.example', host: 'localhost:8080' };

  it.each(['/api/v1/session', '/health', '/metrics', '/', '/api/openapi.json', '/nowhere'])(
    'is refused %s',
    async (url) => {
      const answer = await ask(foreign, '127.0.0.1', url);
      expect(answer.statusCode).toBe(403);
      expect(answer.json().type).toMatch(/#foreign-origin$/);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    },
  );

  it('is refused its preflight', async () => {
    const answer = await fixture.api.inject({
      method: 'OPTIONS',
      url: '/api/v1/publish',
      headers: { ...foreign, 'access-control-request-method': 'POST' },
    });
    expect(answer.statusCode).toBe(403);
  });

  it('is refused a publish, and nothing is published', async () => {
    const answer = await fixture.api.inject({
      method: 'POST',
      url: '/api/v1/publish',
      headers: { ...foreign, 'content-type': 'application/json' },
      payload: '{"topic":"a","payload":"b"}',
    });
    expect(answer.statusCode).toBe(403);
    expect(fixture.broker.published).toEqual([]);
  });

  it.each(['cross-site', 'same-site'])(
    'that embeds an address of ours is refused, by Sec-Fetch-Site: %s',
    async (site) => {
      const embedded = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
      expect((await ask(embedded, '127.0.0.1')).statusCode).toBe(403);
      expect(
        (await ask({ ...embedded, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }, '127.0.0.1')).statusCode,
      ).toBe(403);
    },
  );

  it('may link to a download', async () => {
    const followed = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await ask(followed, '127.0.0.1')).statusCode).toBe(200);
  });

  it('is not our own page', async () => {
    const own = { origin: 'http://localhost:8080', host: 'localhost:8080', 'sec-fetch-site': 'same-origin' };
    expect((await ask(own, '127.0.0.1')).statusCode).toBe(200);
  });
});
