import { z } from 'zod';
import type { ClientInfo } from '../../broker/index.ts';
import { type ApiContext, type App, callerOf } from '../context.ts';
import { GUARDED_PROBLEMS, json, problemResponses } from '../docs.ts';
import { markTruncated, sendRows } from '../json-rows.ts';
import { namespaceParameter, wholeNumber } from '../parameters.ts';
import { Problem } from '../problems.ts';
import { formatMicros, formatMicrosOrNull } from '../time.ts';

const PROTOCOLS = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const;

const time = z.string().meta({ format: 'date-time' });
const count = z.int().min(0);

export const clientsBody = z.object({
  clients: z.array(
    z.object({
      clientId: z.string(),
      connected: z.boolean(),
      protocol: z.enum(['3.1', '3.1.1', '5.0']),
      address: z.string(),
      transport: z.string(),
      principal: z.string().meta({ description: "The token's key, the certificate's name, or `anonymous`." }),
      principalKind: z.enum(['anonymous', 'token', 'certificate']),
      connectedAt: time,
      disconnectedAt: time.nullable(),
      keepAlive: count.meta({ description: 'Seconds; 0 is off.' }),
      sessionExpiry: count
        .nullable()
        .meta({ description: 'Seconds that the session outlives its connection; null never ends.' }),
      subscriptions: z.array(z.object({ filter: z.string(), qos: z.int().min(0).max(2) })),
      inFlight: count,
      queued: count,
      messagesIn: count,
      messagesOut: count,
      bytesIn: count,
      bytesOut: count,
      takeovers: count.meta({
        description: 'How often a new connection took the client id from one that still had it.',
      }),
      sharedBy: z.array(z.string()).meta({
        description: 'Addresses of the devices that take this client id from each other; empty when it is its own.',
      }),
      dropped: count.meta({
        description:
          'Messages that it did not get: it was too slow, its queue was full, or they were larger than it takes.',
      }),
      expired: count.meta({ description: 'Messages that waited for it beyond their expiry interval (MQTT 5.0).' }),
    }),
  ),
});

/** `GET /api/v1/clients`: the sessions of the namespace, for those whom no topic rule narrows. */
export function addClientsRoute(app: App, { broker, limits }: ApiContext): void {
  app.get(
    '/clients',
    {
      schema: {
        tags: ['broker'],
        operationId: 'listClients',
        summary: 'The MQTT clients',
        description:
          'Connected clients, and sessions that are kept for clients that are away. Only for credentials without topic rules.',
        querystring: z.strictObject({
          limit: wholeNumber(1, limits.listMax, 'At most so many clients.').default(limits.listDefault),
          namespace: namespaceParameter,
        }),
        response: {
          200: json('The clients.', clientsBody, CLIENTS_EXAMPLE),
          ...problemResponses(...GUARDED_PROBLEMS, 'not-authorized'),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request);
      if (!principal.rules.all) {
        throw new Problem('not-authorized', 'The list of clients is for credentials without topic rules.');
      }
      const { limit } = request.query;
      const clients = broker.clients(principal.world, limit + 1); // one more tells that there are more
      markTruncated(reply, clients.length > limit);
      return sendRows(reply, 'clients', clients.slice(0, limit), (row) => JSON.stringify(renderClient(row)));
    },
  );
}

function renderClient(client: ClientInfo) {
  return {
    clientId: client.clientId,
    connected: client.connected,
    protocol: PROTOCOLS[client.version],
    address: client.address,
    transport: client.transport,
    principal: client.principal,
    principalKind: client.principalKind,
    connectedAt: formatMicros(client.connectedAtUs),
    disconnectedAt: formatMicrosOrNull(client.disconnectedAtUs),
    keepAlive: client.keepAliveS,
    sessionExpiry: client.expiryS,
    subscriptions: client.subscriptions.map(({ filter, qos }) => ({ filter, qos })),
    inFlight: client.inFlight,
    queued: client.queued,
    messagesIn: client.messagesIn,
    messagesOut: client.messagesOut,
    bytesIn: client.bytesIn,
    bytesOut: client.bytesOut,
    dropped: client.dropped,
    takeovers: client.takeovers,
    sharedBy: [...client.sharedBy],
    expired: client.expired,
  };
}

const CLIENTS_EXAMPLE = {
  clients: [
    {
      clientId: 'esp_a6a8d500',
      connected: true,
      protocol: '3.1.1',
      address: '192.168.1.20',
      transport: 'tcp',
      principal: 'lab',
      principalKind: 'token',
      connectedAt: '2026-11-21T07:03:00.123456Z',
      disconnectedAt: null,
      keepAlive: 60,
      sessionExpiry: 0,
      subscriptions: [{ filter: 'home/lamp/set', qos: 1 }],
      inFlight: 0,
      queued: 0,
      messagesIn: 3600,
      messagesOut: 4,
      bytesIn: 180_000,
      bytesOut: 400,
      dropped: 0,
      takeovers: 0,
      sharedBy: [],
      expired: 0,
    },
  ],
};
