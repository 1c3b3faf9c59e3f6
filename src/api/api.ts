import type { RequestListener, Server } from 'node:http';
import fastify, {
  type FastifyReply,
  type FastifyRequest,
  type InjectOptions,
  type LightMyRequestResponse,
} from 'fastify';
import type { Access } from '../access/index.ts';
import { type Clock, type Logger, type Reached, sparingLogger } from '../base/index.ts';
import type { History } from '../history/index.ts';
import type { ApiContext, App } from './context.ts';
import { addDocs } from './docs.ts';
import { createDownloads } from './downloads.ts';
import { sendProblem } from './faults.ts';
import { checkNamespace, guard } from './guard.ts';
import { protect } from './headers.ts';
import { takeOnlyJson } from './json-body.ts';
import { type ApiLimits, DEFAULT_LIMITS } from './limits.ts';
import { closeListener, type HttpListener, type ListenOptions, openListener } from './listen.ts';
import { createHttpLoad } from './load.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { InUse } from './metrics-limits.ts';
import { checkAddressing, checkOrigin } from './own-site.ts';
import type { ApiBackup, ApiBroker, ApiTimings, IsLocal } from './ports.ts';
import { Problem } from './problems.ts';
import { parseQuery, throwQueryFault } from './query.ts';
import { addBackupRoute } from './routes/backup.ts';
import { addCaRoute } from './routes/ca.ts';
import { addClientsRoute } from './routes/clients.ts';
import { addHealthRoute } from './routes/health.ts';
import { addMetricsRoute } from './routes/metrics.ts';
import { addPointsRoute } from './routes/points.ts';
import { addPublishRoute } from './routes/publish.ts';
import { addSeriesRoute } from './routes/series.ts';
import { addSessionRoute } from './routes/session.ts';
import { addTopicsRoute } from './routes/topics.ts';
import { createSlots } from './slots.ts';
import { compilersFactory, compileSerializer, compileValidator } from './validation.ts';
import { addWebApp, wantsPage } from './web-app.ts';

export type ApiOptions = {
  readonly broker: ApiBroker;
  /** null: `--history off`. */
  readonly history: History | null;
  readonly access: Access;
  readonly isLocal: IsLocal;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Absolute path of the built web app; may be absent. */
  readonly webRoot: string;
  readonly timings: ApiTimings;
  /** How often each bound of the server was met, and what is in use, for `/metrics`. */
  readonly reached: Reached;
  readonly inUse: InUse;
  readonly version: string;
  /** The port of the first MQTT listener, once it is open: the web app shows it to newcomers. */
  readonly mqttPort?: () => number | null;
  /** The local CA's certificate, PEM; null where there is none. */
  readonly caPem?: () => string | null;
  /** Absent: there is nothing to back up. */
  readonly backup?: ApiBackup;
  readonly limits?: Partial<ApiLimits>;
};

/** The HTTP side: one set of routes, any number of listeners. */
export type Api = {
  /** What every listener answers with; for a server that somebody else made. */
  readonly handler: RequestListener;
  /** Opens one listener; may be called again for more. Raises an OperatorError for a port that cannot be had. */
  readonly listen: (host: string, port: number, options?: ListenOptions) => Promise<HttpListener>;
  readonly listeners: () => readonly HttpListener[];
  /** Asks the routes without a socket. */
  readonly inject: (request: InjectOptions) => Promise<LightMyRequestResponse>;
  /** Closes all listeners; requests under way have a grace. WebSockets are ended by who upgraded them, first. */
  readonly close: () => Promise<void>;
};

export async function createApi(options: ApiOptions): Promise<Api> {
  const limits: ApiLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const { logger, access } = options;
  const { reached } = options;
  const load = createHttpLoad(limits.connections, limits.requests, reached);
  const downloads = createDownloads(access, logger, limits, reached);
  const queries = createSlots(limits.queriesAtOnce, 'places for questions to history', 1, () => {
    reached.httpQueries += 1;
  });
  const doorLog = sparingLogger(logger);
  const context: ApiContext = {
    mqttPort: () => null,
    caPem: () => null,
    backup: null,
    ...options,
    turns: options.timings.turns,
    doorLog,
    limits,
    queries,
    downloads,
  };
  const metrics = createMetrics({ ...options, activeDownloads: downloads.active, httpLoad: load });

  const app = createApp(context, metrics);
  const methodsOf = rememberMethods(app);
  const servePage = await addRoutes(app, context, metrics, options.webRoot);
  addFallbacks(app, context, methodsOf, servePage);
  await app.ready();

  const handler = load.bounded((request, response) => app.routing(request, response));
  const open: HttpListener[] = [];
  return {
    handler,
    listen: async (host, port, listenOptions = {}) => {
      const listener = await openListener(handler, limits, logger, host, port, {
        reached,
        load,
        ...listenOptions,
      });
      open.push(listener);
      return listener;
    },
    listeners: () => [...open],
    inject: async (request) => await app.inject(request),
    close: async () => {
      await Promise.all(open.splice(0).map((listener) => closeListener(listener, limits.closeGraceMs)));
      await app.close();
    },
  };
}

function createApp(context: ApiContext, metrics: Metrics): App {
  const { limits, logger } = context;
  const app: App = fastify<Server>({
    bodyLimit: limits.bodyBytes,
    requestIdHeader: false,
    // Given here, fastify does not load those that it has itself, a hundred files.
    schemaController: { compilersFactory },
    routerOptions: { maxParamLength: limits.pathChars, querystringParser: parseQuery },
    // Raised by the router, before any hook.
    frameworkErrors: (error, request, reply) => {
      protect(request, reply);
      void sendProblem(context, error, request, reply);
    },
  });
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(compileSerializer);
  app.setErrorHandler((error, request, reply) => sendProblem(context, error, request, reply));
  takeOnlyJson(app);

  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request: FastifyRequest, reply) => {
    context.turns.begin('http');
    protect(request, reply);
    checkAddressing(request.raw);
    checkOrigin(request.raw);
    throwQueryFault(request.query);
  });

  app.addHook('onResponse', async (request, reply) => {
    const ms = reply.elapsedTime;
    const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');
    metrics.answered(request.method, route, reply.statusCode, ms / 1000);
    logger.debug({ method: request.method, route, status: reply.statusCode, ms }, 'HTTP');
  });
  return app;
}

async function addRoutes(app: App, context: ApiContext, metrics: Metrics, webRoot: string) {
  await addDocs(app, context.version);
  addHealthRoute(app, context);
  addCaRoute(app, context);
  addMetricsRoute(app, context, metrics);
  await app.register(
    async (api: App) => {
      api.addHook('onRequest', guard(context));
      api.addHook('preHandler', checkNamespace);
      addSessionRoute(api, context);
      addSeriesRoute(api, context);
      addPointsRoute(api, context);
      addPublishRoute(api, context);
      addClientsRoute(api, context);
      addTopicsRoute(api, context);
      addBackupRoute(api, context);
    },
    { prefix: '/api/v1' },
  );
  return addWebApp(app, webRoot);
}

/** Notes which methods each address has, for 405. The router is not asked: it would read the path as a pattern. */
function rememberMethods(app: App): (path: string) => readonly string[] {
  const known = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    known.set(url, methods);
  });
  return (path) => [...(known.get(path) ?? [])];
}

/** What is left: a page of the web app, another method of a known address, MQTT's own address, or nothing. */
function addFallbacks(
  app: App,
  context: ApiContext,
  methodsOf: (path: string) => readonly string[],
  servePage: (reply: FastifyReply) => FastifyReply,
): void {
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const methods = methodsOf(path);
    if (methods.length > 0) {
      const allow = methods.join(', ');
      const problem = new Problem(
        'method-not-allowed',
        `${request.method} is not for this address; allowed: ${allow}.`,
        { headers: { allow } },
      );
      return sendProblem(context, problem, request, reply);
    }
    if (path === '/mqtt') {
      const problem = new Problem('upgrade-required', 'This address speaks MQTT over WebSocket.', {
        headers: { upgrade: 'websocket' },
      });
      return sendProblem(context, problem, request, reply);
    }
    if (wantsPage(request)) return servePage(reply);
    return sendProblem(context, new Problem('not-found', 'There is nothing at this address.'), request, reply);
  });
}
