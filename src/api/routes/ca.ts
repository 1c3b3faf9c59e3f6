import { z } from 'zod';
import type { ApiContext, App } from '../context.ts';
import { problemResponses } from '../docs.ts';
import { Problem } from '../problems.ts';

/** `GET /ca.pem`: what a device or a browser needs to trust this server's own certificates. It is no secret. */
export function addCaRoute(app: App, { caPem }: ApiContext): void {
  app.get(
    '/ca.pem',
    {
      schema: {
        tags: ['server'],
        operationId: 'getCaCertificate',
        summary: 'The certificate of the local CA',
        description:
          'PEM. Compare its SHA-256 fingerprint with the one that the server printed, since whoever sits between could hand out ' +
          'another. 404 where the server has certificates that others issued, or no TLS. Needs no credentials.',
        security: [],
        response: {
          200: {
            description: 'The certificate.',
            content: {
              'application/x-x509-ca-cert': { schema: z.string(), example: '-----BEGIN CERTIFICATE-----\n...' },
            },
          },
          ...problemResponses('not-found'),
        },
      },
    },
    async (_request, reply) => {
      const pem = caPem();
      if (pem === null) throw new Problem('not-found', 'This server has no CA of its own.');
      return await reply
        .type('application/x-x509-ca-cert')
        .header('content-disposition', 'attachment; filename="sonde-ca.pem"')
        .send(pem);
    },
  );
}
