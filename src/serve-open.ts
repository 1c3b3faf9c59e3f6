import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createAccess, isLocal, tokenFileOf } from './access/index.ts';
import { type ApiBroker, createApi } from './api/index.ts';
import { createMemoryWatermark, sparingLogger, TurnMeter, threadCpu } from './base/index.ts';
import { type Broker, createBroker } from './broker/index.ts';
import { type Certificates, createCertificates } from './certificates/index.ts';
import { bannerLines } from './cli/index.ts';
import {
  type ListenerNeeds,
  listenerNeeds,
  type PlainListener,
  type Settings,
  type TlsListener,
} from './config/index.ts';
import { createLive, type Live } from './live/index.ts';
import type { Closer, ServeOptions } from './serve.ts';
import { backUp } from './serve-backup.ts';
import { type Begun, ballastOf } from './serve-begin.ts';
import { noteRecorded } from './serve-gone.ts';
import { healthOf, statusOf } from './serve-health.ts';
import { keepBallast, watchFreeSpace } from './store/index.ts';
import { createSys, watchLoopDelay } from './sys/index.ts';
import { createPacer, createWebSocketTransport, listenTcp, listenTls, listenUnix } from './transport/index.ts';

/** Puts the rooms together on what was begun, and opens the listeners last. Rejects with the signal's reason when it is to stop before. */
export async function open(
  settings: Settings,
  { signal, print, version, onReload }: ServeOptions,
  begun: Begun,
  onClose: (close: Closer) => void,
): Promise<void> {
  const { clock, logger, reached, gone, history } = begun;
  const { anonymous, rules, limits } = settings;
  const memory = createMemoryWatermark({ bytes: settings.limits.memoryWatermarkBytes, logger, reached });
  const turns = new TurnMeter({ clock, cpu: threadCpu(), logger: sparingLogger(logger) });
  const listeners = listenerNeeds(settings, anonymous).map(anonymousAt);
  const firstToken = await begun.firstToken;
  if (begun.isGone.tokens) gone.tokens();
  const access = createAccess({
    tokenFile: tokenFileOf(settings.data),
    anonymous,
    rules,
    listeners,
    logger,
    limits,
    reached,
  });
  onClose(access.close);

  const store = await begun.store;
  const broker = createBroker({
    store,
    access,
    clock,
    logger,
    limits,
    reached,
    meter: turns,
    memory,
    mqtt5: settings.mqtt5,
    sharedSubscriptions: settings.sharedSubscriptions,
    queuePolicy: settings.queuePolicy,
  });
  const recorded = history === null ? null : broker.record(history.intake);
  if (recorded) history?.drain(recorded);
  // Of messages that the queue gave away the store knows, however little is left beside it.
  const { isGone, isNewHistory } = begun;
  if (history && (isGone.history || (isNewHistory && (recorded?.takenBefore ?? 0) > 0))) gone.history();
  const space = await watchFreeSpace({
    folder: settings.data,
    reserve: { percent: limits.diskReservePercent, bytes: limits.diskReserveBytes },
    logger,
    changed: broker.diskIsLow,
    owed: () => store.unsyncedBytes() + 2 * (recorded?.depth().bytes ?? 0),
  });
  onClose(space.stop);
  const watched = { broker, store, space, history, memory, gone };
  const live = createLive({
    clock,
    logger,
    reached,
    turns,
    maxTopicsPerWorld: limits.maxLiveTopics,
    limits: {
      viewers: limits.maxViewers,
      digestsPerViewer: limits.maxDigestsPerViewer,
      digestsPerWorld: limits.maxDigestsPerNamespace,
    },
    status: (world) => statusOf(watched, world),
  });
  for (const name of broker.worldNames()) {
    const world = broker.worldNumber(name) as number;
    broker.addTap(world, live.tap(world));
  }
  broker.addComputed(live.computed);
  onClose(live.stop);
  if (settings.sysIntervalSeconds > 0) {
    const sys = createSys({ clock, turns, source: broker, version, intervalSeconds: settings.sysIntervalSeconds });
    broker.addComputed(sys.computed);
    onClose(sys.stop);
  }
  const restored = await broker.restore(signal);
  if (restored.sessions + restored.retained + restored.leftOut > 0) logger.info(restored, 'restored from the store');
  const loopDelay = watchLoopDelay(clock);
  onClose(loopDelay.stop);
  const certificates = createCertificates({ dataFolder: settings.data, logger });
  onClose(certificates.close);
  onReload(certificates.reload);
  const mqtt: PlainListener[] = [];
  const mqtts: TlsListener[] = [];
  const pacer = createPacer({ clock, reached, limits, isFull: () => memory.level() > 0 });
  let open = false;
  const api = await createApi({
    broker: apiBroker(broker, live, () => (open ? healthOf(watched) : { status: 'starting' })),
    history,
    access,
    isLocal,
    logger,
    clock,
    webRoot: fileURLToPath(new URL('./web', import.meta.url)),
    limits: {
      connections: limits.maxHttpConnections,
      requests: limits.maxHttpRequests,
      bodyBytes: limits.httpBodyBytes,
      headerBytes: limits.httpHeaderBytes,
      requestTimeoutMs: limits.httpRequestTimeoutS * 1000,
      headersTimeoutMs: Math.min(10_000, limits.httpRequestTimeoutS * 1000),
      queriesAtOnce: limits.httpQueries,
      downloadsAtOnce: limits.httpDownloads,
    },
    timings: { ...broker.timings, loopDelay: loopDelay.histogram, turns },
    reached,
    inUse: {
      waitingConnections: pacer.waiting,
      pendingConnections: () => pacer.pending() + pacer.silent(),
      silentConnections: pacer.silent,
      waitingSignIns: access.waitingSignIns,
      memoryShed: memory.level,
      memoryWatermark: () => memory.bytes,
      liveTopics: live.indexed,
      viewers: live.viewers,
      unsyncedBytes: store.unsyncedBytes,
      recorderQueueBytes: () => recorded?.depth().bytes ?? 0,
      diskFreeBytes: space.free,
      diskReserveBytes: space.reserve,
      storeBytes: () => ({ log: store.logBytes(), table: store.tableBytes() }),
    },
    version,
    mqttPort: () => mqtt[0]?.port ?? null,
    caPem: () => certificates.local()?.caPem() ?? null,
    backup: (folder, data) => backUp({ settings, store, history, version, clock, stop: signal }, folder, data),
  });
  await orStop(signal, begun.started);
  await begun.named;
  if (history) await noteRecorded(settings.data, logger);
  signal.throwIfAborted();
  turns.countFromNow();
  const websockets = createWebSocketTransport({ broker, logger, pacer, reached, ...limits });

  const handshakeTimeoutMs = limits.connectTimeoutS * 1000;
  const { maxHandshakes } = limits;
  const common = { broker, logger, pacer, reached, maxHandshakes };
  for (const { host, port, ...rules } of settings.mqtt) {
    const listener = await listenTcp({ ...common, host, port, rules });
    onClose(listener.close);
    mqtt.push({ ...rules, host, port: listener.port });
  }
  for (const { host, port, tls, ...rules } of settings.mqtts) {
    const keeper = await certificates.open(tls);
    const listener = await listenTls({ ...common, host, port, rules, keeper, handshakeTimeoutMs });
    onClose(listener.close);
    mqtts.push({ ...rules, host, port: listener.port, tls });
  }
  for (const { path, mode, ...rules } of settings.unix) {
    onClose((await listenUnix({ broker, logger, pacer, path, mode, rules })).close);
  }
  const http: PlainListener[] = [];
  for (const { host, port, ...rules } of settings.http) {
    const listener = await api.listen(host ?? '::', port, { onServer: websockets.attach, rules, maxHandshakes });
    http.push({ ...rules, host, port: listener.port });
  }
  const https: TlsListener[] = [];
  for (const { host, port, tls, ...rules } of settings.https) {
    const keeper = await certificates.open(tls);
    const listener = await api.listen(host ?? '::', port, {
      onServer: websockets.attach,
      rules,
      maxHandshakes,
      keeper,
    });
    https.push({ ...rules, host, port: listener.port, tls });
  }
  onClose(keepBallast(ballastOf(settings.data), settings.data, space.reserve, logger).stop);
  // Clients are told first; then the ports close.
  onClose(api.close);
  onClose(websockets.close);
  onClose(broker.close);
  onClose(pacer.close);
  open = true;
  const needs = listenerNeeds({ mqtt, mqtts, http, https, unix: settings.unix }, anonymous);
  const unix = settings.unix.map(({ path }) => path);
  const places = { mqtt, mqtts, http, https, unix, ca: caOf(certificates) };
  const facts = { version, ...places, interfaces: networkInterfaces(), firstToken, needs };
  // At once: who waits for its first line reads the rest with it.
  print(bannerLines({ ...facts, history: settings.history, dataFolder: settings.data }).join('\n'));
}

function anonymousAt({ listener, needs }: ListenerNeeds) {
  const anonymous = ({ nothing: 'all', local: 'local', token: 'none', certificate: 'none' } as const)[needs];
  return { listener, anonymous };
}

function caOf(certificates: Certificates): { readonly file: string; readonly fingerprint: string } | null {
  const local = certificates.local();
  return local === null ? null : { file: local.caFile, fingerprint: local.fingerprint() };
}

function apiBroker(broker: Broker, live: Live, health: ApiBroker['health']): ApiBroker {
  return {
    publish: broker.publish,
    clients: broker.clients,
    topics(name, filter, limit) {
      const world = broker.worldNumber(name);
      if (world === null) return [];
      return live.topics(world, filter, limit).rows.map(({ preview, ...row }) => ({ ...row, payload: preview }));
    },
    stats: broker.stats,
    worldNumber: broker.worldNumber,
    health,
  };
}

/** Rejects as soon as a stop is asked for; nobody waits for the work then. */
function orStop<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
