import { z } from 'zod';
import type { ApiContext, App } from '../context.ts';
import { json } from '../docs.ts';

const healthBody = z.object({ status: z.enum(['ok', 'starting', 'degraded']) });

/** `GET /health`: open to all, and therefore without any detail. */
export function addHealthRoute(app: App, { broker }: ApiContext): void {
  app.get(
    '/health',
    {
      schema: {
        tags: ['server'],
        operationId: 'getHealth',
        summary: 'Is Sonde ready?',
        description:
          '200 once every listener is open; `degraded` means that it serves but something behind it is down (the log and the ' +
          'session say what). 503 while it starts. Needs no credentials.',
        security: [],
        response: {
          200: json('Ready.', healthBody, { status: 'ok' }),
          503: json('Not yet.', healthBody, { status: 'starting' }),
        },
      },
    },
    async (_request, reply) => {
      const { status } = broker.health();
      return reply.code(status === 'starting' ? 503 : 200).send({ status });
    },
  );
}
