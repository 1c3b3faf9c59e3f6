import { z } from 'zod';
import type { ApiContext, App } from '../context.ts';
import { problemResponses } from '../docs.ts';
import { checkOwner, guard } from '../guard.ts';
import type { Metrics } from '../metrics.ts';

/** `GET /metrics`: for the owner of the server. */
export function addMetricsRoute(app: App, context: ApiContext, metrics: Metrics): void {
  app.get(
    '/metrics',
    {
      onRequest: guard(context),
      preHandler: checkOwner,
      schema: {
        tags: ['server'],
        operationId: 'getMetrics',
        summary: 'Figures of the whole server for Prometheus',
        description:
          'From this machine, or with a token that may do everything: no topic rule names it, and it is not read-only. Never ' +
          'holds a client id, a topic or a token.',
        response: {
          200: {
            description: 'Prometheus text format.',
            content: { 'text/plain': { schema: z.string(), example: 'sonde_connections 12\n' } },
          },
          ...problemResponses('not-authenticated', 'not-authorized', 'foreign-origin', 'access-unavailable'),
        },
      },
    },
    async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  );
}
