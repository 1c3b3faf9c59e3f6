import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PROBLEMS } from './problems.ts';
import { createFixture, type Fixture } from './testing/fakes.ts';

type Json = Record<string, unknown>;
type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Json }[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json; example?: unknown }> }>;
};
type Document = {
  openapi: string;
  info: Json;
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Json;
};

let fixture: Fixture;
let document: Document;
beforeAll(async () => {
  fixture = await createFixture({
    caPem: () => '-----BEGIN CERTIFICATE-----\n',
    backup: async (folder) => ({ folder, files: 1, bytes: 3, storeBytes: 1, historyBytes: 2, ms: 4 }),
  });
  document = (await fixture.api.inject({ url: '/api/openapi.json' })).json();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
const schemaOf = (schema: Json) => z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);

/** A request that succeeds, for each route that is documented. */
const SUCCESSES: Record<string, { url: string; payload?: Json; status: number }> = {
  'get /health': { url: '/health', status: 200 },
  'get /ca.pem': { url: '/ca.pem', status: 200 },
  'get /metrics': { url: '/metrics', status: 200 },
  'get /api/v1/session': { url: '/api/v1/session', status: 200 },
  'get /api/v1/series': { url: '/api/v1/series', status: 200 },
  'get /api/v1/points': { url: '/api/v1/points?topic=/sensors/temperature', status: 200 },
  'post /api/v1/publish': { url: '/api/v1/publish', payload: { topic: 'a', payload: 'x', qos: 1 }, status: 202 },
  'post /api/v1/backup': { url: '/api/v1/backup', payload: { folder: '/backups/one' }, status: 200 },
  'get /api/v1/clients': { url: '/api/v1/clients', status: 200 },
  'get /api/v1/topics': { url: '/api/v1/topics', status: 200 },
};

describe('the OpenAPI document', () => {
  it('has each route, and no other', () => {
    const documented = operations().filter(({ method }) => method !== 'head');
    expect(documented.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(SUCCESSES).sort());
  });

  it('is a whole OpenAPI 3.1 document', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Sonde', version: '1.2.3' });
    expect(document.components).toHaveProperty('securitySchemes.token.scheme', 'basic');
    expect(document).toHaveProperty('security', [{}, { token: [] }]);
    expect(document).toHaveProperty(['paths', '/health', 'get', 'security'], []);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { operation } of operations()) {
      expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/);
      expect(operation.summary).toMatch(/\S/);
      expect(operation.tags.every((tag) => document.tags.some(({ name }) => name === tag))).toBe(true);
      for (const [status, { description, content = {} }] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[2-5]\d\d$/);
        expect(description).toMatch(/\S/);
        for (const [type, { schema }] of Object.entries(content)) {
          expect(type).toMatch(/^[a-z]+\/[a-z0-9.+-]+$/);
          expect(() => schemaOf(schema)).not.toThrow();
          if (Number(status) >= 400 && operation.operationId !== 'getHealth')
            expect(type).toBe('application/problem+json');
        }
      }
    }
    expect(JSON.stringify(document)).not.toMatch(/"\$ref"|"~standard"|"_zod"/);
  });

  it('describes each parameter with its type and bounds', () => {
    for (const { operation } of operations()) {
      const names = (operation.parameters ?? []).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const parameter of operation.parameters ?? []) {
        expect(parameter).toMatchObject({ in: 'query', description: expect.stringMatching(/\S/) });
        expect(['string', 'integer']).toContain(parameter.schema['type']);
      }
    }
    const points = document.paths['/api/v1/points']?.['get']?.parameters ?? [];
    const byName = Object.fromEntries(points.map((parameter) => [parameter.name, parameter]));
    expect(Object.keys(byName)).toEqual(['topic', 'field', 'from', 'to', 'limit', 'points', 'format', 'namespace']);
    expect(byName['topic']?.required).toBe(true);
    expect(byName['limit']).toMatchObject({ schema: { type: 'integer', minimum: 1, maximum: 1_000_000 } });
    expect(byName['from']).toMatchObject({ schema: { type: 'string', format: 'date-time' } });
    expect(byName['format']).toMatchObject({ schema: { enum: ['json', 'csv', 'parquet', 'hdf5'] } });
    const series = document.paths['/api/v1/series']?.['get']?.parameters ?? [];
    expect(series.find(({ name }) => name === 'limit')).toMatchObject({ schema: { default: 1000 } });
  });

  it('has examples that its own schemas accept', () => {
    let seen = 0;
    for (const { operation } of operations()) {
      for (const { content = {} } of Object.values(operation.responses)) {
        for (const { schema, example } of Object.values(content)) {
          if (example === undefined) continue;
          seen += 1;
          expect(schemaOf(schema).safeParse(example).error).toBeUndefined();
        }
      }
    }
    expect(seen).toBeGreaterThan(20);
  });

  it.each(Object.entries(SUCCESSES))('tells what %s really answers', async (route, { url, payload, status }) => {
    const [method, path] = route.split(' ') as [string, string];
    const answer = await fixture.api.inject({
      method: method === 'post' ? 'POST' : 'GET',
      url,
      ...(payload === undefined ? {} : { payload }),
    });
    expect(answer.statusCode).toBe(status);
    const operation = document.paths[path]?.[method] as Operation;
    const type = String(answer.headers['content-type']).split(';', 1)[0] as string;
    const schema = operation.responses[status]?.content?.[type]?.schema as Json;
    expect(schemaOf(schema).safeParse(type === 'application/json' ? answer.json() : answer.body).error).toBeUndefined();
    if (payload !== undefined) {
      const body = operation.requestBody?.content['application/json']?.schema as Json;
      expect(schemaOf(body).safeParse(payload).error).toBeUndefined();
    }
  });

  it('documents the statuses that refusals really have', async () => {
    const refusals = [
      ['/api/v1/points', 'get', await fixture.api.inject({ url: '/api/v1/points' })],
      ['/api/v1/points', 'get', await fixture.api.inject({ url: '/api/v1/points?topic=t&field=x' })],
      ['/api/v1/series', 'get', await fixture.api.inject({ url: '/api/v1/series', remoteAddress: '192.168.1.7' })],
      [
        '/api/v1/publish',
        'post',
        await fixture.api.inject({
          method: 'POST',
          url: '/api/v1/publish',
          payload: '',
          headers: { 'content-type': 'text/plain' },
        }),
      ],
    ] as const;
    expect(refusals.map(([, , answer]) => answer.statusCode)).toEqual([400, 404, 401, 415]);
    for (const [path, method, answer] of refusals) {
      const response = document.paths[path]?.[method]?.responses[answer.statusCode];
      const schema = response?.content?.['application/problem+json']?.schema as Json;
      expect(schemaOf(schema).safeParse(answer.json()).error).toBeUndefined();
    }
  });
});

describe('the pages about the API', () => {
  it('are served from here, under a policy that lets nothing else in', async () => {
    const page = await fixture.api.inject({ url: '/api/docs' });
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("script-src 'self';");
    const linked = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string);
    expect(linked.length).toBeGreaterThan(5);
    for (const url of linked) {
      expect(url).toMatch(/^\/api\/docs\/static\//);
      expect((await fixture.api.inject({ url })).statusCode).toBe(200);
    }
    expect(page.body).not.toMatch(/<script>|<script [^>]*>\s*[^<\s]|on\w+="/);
  });

  it('explain each problem at the anchor that its type names', async () => {
    const page = await fixture.api.inject({ url: '/api/docs/problems' });
    for (const code of Object.keys(PROBLEMS)) expect(page.body).toContain(`id="${code}"`);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  });

  it('need no credentials, since they hold no data', async () => {
    for (const url of ['/api/docs', '/api/openapi.json', '/api/docs/problems']) {
      expect((await fixture.api.inject({ url, remoteAddress: '203.0.113.9' })).statusCode).toBe(200);
    }
  });
});
