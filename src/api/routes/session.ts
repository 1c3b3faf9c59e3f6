import { z } from 'zod';
import { type ApiContext, type App, callerOf } from '../context.ts';
import { GUARDED_PROBLEMS, json, problemResponses } from '../docs.ts';
import { namespaceParameter } from '../parameters.ts';
import { formatMicros } from '../time.ts';

export const sessionBody = z.object({
  name: z.string(),
  kind: z.enum(['anonymous', 'token']),
  namespace: z.string(),
  namespaces: z.array(z.string()),
  local: z.boolean(),
  allTopics: z.boolean(),
  version: z.string(),
  now: z.string().meta({ format: 'date-time', description: "The server's wall clock." }),
  history: z.enum(['off', 'starting', 'ok', 'behind', 'down']),
  historyDetail: z.string(),
});

/** `GET /api/v1/session`: who the credentials are, and whether there is history to ask. */
export function addSessionRoute(app: App, { history, version, clock }: ApiContext): void {
  app.get(
    '/session',
    {
      schema: {
        tags: ['server'],
        operationId: 'getSession',
        summary: 'Who am I, and what can I do here?',
        description:
          '`allTopics` is true when no topic rule narrows the credentials. `historyDetail` is one sentence, empty when all is well.',
        querystring: z.strictObject({ namespace: namespaceParameter }),
        response: {
          200: json('The caller.', sessionBody, {
            name: 'anonymous',
            kind: 'anonymous',
            namespace: 'default',
            namespaces: ['default'],
            local: true,
            allTopics: true,
            version: '0.1.0',
            now: '2026-11-21T07:03:00.123456Z',
            history: 'ok',
            historyDetail: '',
          }),
          ...problemResponses(...GUARDED_PROBLEMS),
        },
      },
    },
    async (request, reply) => {
      const { principal, local } = callerOf(request);
      const status = history?.status();
      return reply.send({
        name: principal.name,
        kind: principal.kind,
        namespace: principal.world,
        namespaces: [principal.world],
        local,
        allTopics: principal.rules.all,
        version,
        now: formatMicros(clock.wallMicros()),
        history: status?.state ?? 'off',
        historyDetail: status?.detail ?? '',
      });
    },
  );
}
