import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { z } from 'zod';
import type { App } from './context.ts';
import { PROBLEMS, PROBLEMS_PAGE, type ProblemCode } from './problems.ts';

/** `/api/docs`, `/api/openapi.json` and the page that explains the problems. Public: they hold no data. */
export async function addDocs(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sonde',
        version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: TAGS,
      // Without credentials too: from this machine.
      security: [{}, { token: [] }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'basic', description: 'The key and the secret of a token.' },
        },
      },
    },
    transform: ({ schema, url }) => ({ schema: toDocument(schema ?? {}) as Record<string, unknown>, url }),
  });
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    uiConfig: { docExpansion: 'list', deepLinking: true, displayRequestDuration: true },
    theme: { title: 'Sonde API' },
  });

  app.get('/api/openapi.json', { schema: { hide: true } }, (_request, reply) => {
    void reply.header('cache-control', 'no-cache').send(app.swagger());
  });
  const problemsPage = renderProblemsPage();
  app.get(PROBLEMS_PAGE, { schema: { hide: true } }, (_request, reply) => {
    void reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(problemsPage);
  });
}

const TAGS = [
  { name: 'history', description: 'What was recorded: series, points, downloads.' },
  { name: 'broker', description: 'What is happening: publish, clients, topics.' },
  { name: 'server', description: 'Sonde itself: sign-in, health, figures.' },
];

const DESCRIPTION = `MQTT, recorded. Sign in with the key and the secret of a token (HTTP Basic); from this machine it also works without,
unless Sonde was told otherwise. The namespace is that of the credentials.

**Times** are ISO 8601. Answers are UTC with six decimals (\`2026-11-21T07:03:00.123456Z\`). Parameters may have an offset; without
one they are UTC, never the server's local time.

**\`+\` in a query** means a space, as in HTML forms, except where it stands for a whole level of a topic: there it is MQTT's wildcard.
\`%2B\` is always a plus, and \`#\` is written \`%23\`.

**Errors** are problem details (RFC 9457): see [the list](${PROBLEMS_PAGE}).

**Truncated**: when there is more than the limit let through, the answer has the header \`Sonde-Truncated: true\`.`;

/** The schema of every error answer. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    errors: z
      .array(z.object({ in: z.enum(['query', 'body', 'path', 'header']), name: z.string(), detail: z.string() }))
      .optional(),
  })
  .meta({ description: 'Problem details, RFC 9457.' });

/** One entry of a route's `response`: JSON with a schema and an example. */
export function json(description: string, schema: z.ZodType, example: unknown) {
  return { description, content: { 'application/json': { schema, example } } };
}

/** Entries of a route's `response` for the problems that it can answer with, those of one status together. */
export function problemResponses(...codes: readonly ProblemCode[]) {
  const byStatus: Record<
    string,
    { description: string; content: Record<string, { schema: z.ZodType; example: unknown }> }
  > = {};
  for (const code of codes) {
    const { status, title, help } = PROBLEMS[code];
    const before = byStatus[status];
    const example = { type: `${PROBLEMS_PAGE}#${code}`, title, status, detail: '...', instance: '/api/v1/...' };
    byStatus[status] = {
      description: `${before === undefined ? '' : `${before.description} `}${title} (\`${code}\`): ${help}`,
      content: before?.content ?? { 'application/problem+json': { schema: problemSchema, example } },
    };
  }
  return byStatus;
}

/** What every route under `/api/v1` can answer with. */
export const GUARDED_PROBLEMS = [
  'invalid-parameter',
  'not-authenticated',
  'foreign-origin',
  'foreign-namespace',
  'access-unavailable',
] as const satisfies readonly ProblemCode[];

/** Turns the zod schemas inside a route's schema into JSON Schema 2020-12, which OpenAPI 3.1 uses as it is. */
function toDocument(value: unknown): unknown {
  if (value instanceof z.ZodType) {
    const { $schema: _, ...schema } = z.toJSONSchema(value, {
      io: 'input',
      unrepresentable: 'any',
      override: tellDefault,
    });
    return schema;
  }
  if (Array.isArray(value)) return value.map(toDocument);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toDocument(member)]));
}

/** zod keeps a default to itself where text becomes a number, since it is the number; here both are written alike. */
function tellDefault({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}) {
  const { def } = zodSchema._zod;
  if (def.type === 'default') jsonSchema.default = def.defaultValue as z.core.JSONSchema.BaseSchema['default'];
}

function renderProblemsPage(): string {
  const entries = Object.entries(PROBLEMS).map(
    ([code, { status, title, help }]) =>
      `<section id="${code}"><h2>${status} ${escapeHtml(title)}</h2><p><code>${code}</code></p><p>${escapeHtml(help)}</p></section>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sonde: problems</title><link rel="icon" href="data:,"><style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}
:target{outline:2px solid #1c7ed6;outline-offset:.5rem}</style>
<h1>Problems</h1><p>What the HTTP side answers when it cannot do what was asked. <a href="/api/docs">API</a></p>
${entries.join('\n')}</html>\n`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
