import { z } from 'zod';
import { READ_ONLY_TOPICS } from '../../access/index.ts';
import { type ApiContext, type App, callerOf } from '../context.ts';
import { GUARDED_PROBLEMS, json, problemResponses } from '../docs.ts';
import { namespaceParameter } from '../parameters.ts';
import { formatMicros } from '../time.ts';

export const sessionBody = z.object({
  principal: z.string(),
  anonymous: z.boolean(),
  namespace: z.string(),
  namespaces: z.array(z.string()),
  local: z.boolean(),
  allTopics: z.boolean(),
  publish: z.boolean(),
  mqttPort: z.int().nullable(),
  version: z.string(),
  now: z.string().meta({ format: 'date-time', description: "The server's wall clock." }),
  history: z.enum(['off', 'starting', 'ok', 'behind', 'down']),
  historyDetail: z.string(),
});

/** `GET /api/v1/session`: who the credentials are, and whether there is history to ask. */
export function addSessionRoute(app: App, { history, version, clock, mqttPort }: ApiContext): void {
  app.get(
    '/session',
    {
      schema: {
        tags: ['server'],
        operationId: 'getSession',
        summary: 'Who am I, and what can I do here?',
        description:
          '`principal` is the key of the token. `allTopics`: no topic rule narrows the credentials. `publish` is false for a token ' +
          'that may only read. `mqttPort` is where devices of this server connect to. `historyDetail` is one sentence, empty when ' +
          'all is well.',
        querystring: z.strictObject({ namespace: namespaceParameter }),
        response: {
          200: json('The caller.', sessionBody, {
            principal: 'anonymous',
            anonymous: true,
            namespace: 'default',
            namespaces: ['default'],
            local: true,
            allTopics: true,
            publish: true,
            mqttPort: 1883,
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
        principal: principal.name,
        anonymous: principal.kind === 'anonymous',
        namespace: principal.world,
        namespaces: [principal.world],
        local,
        allTopics: principal.rules.all,
        publish: principal.rules !== READ_ONLY_TOPICS,
        mqttPort: mqttPort(),
        version,
        now: formatMicros(clock.wallMicros()),
        history: status?.state ?? 'off',
        historyDetail: status?.detail ?? '',
      });
    },
  );
}
