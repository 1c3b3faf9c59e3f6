import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAccess, createFirstToken, isLocal, tokenFileOf } from './access/index.ts';
import { type ApiBroker, createApi } from './api/index.ts';
import {
  type Clock,
  createMemoryWatermark,
  type Logger,
  nothingReached,
  type Reached,
  sparingLogger,
  systemClock,
  TurnMeter,
  threadCpu,
} from './base/index.ts';
import { type Broker, createBroker } from './broker/index.ts';
import { type Certificates, createCertificates } from './certificates/index.ts';
import { bannerLines } from './cli/index.ts';
import {
  BALLAST_FILE,
  goneFiles,
  HISTORY_FILE,
  type ListenerNeeds,
  listenerNeeds,
  openDataFolder,
  type PlainListener,
  type Settings,
  STORE_FOLDER,
  type TlsListener,
} from './config/index.ts';
import { createHistory, type History } from './history/index.ts';
import { createLive, type Live } from './live/index.ts';
import { createLog } from './log.ts';
import { backUp } from './serve-backup.ts';
import { createGoneNotes, noteRecorded } from './serve-gone.ts';
import { healthOf, statusOf } from './serve-health.ts';
import { giveUpBallast, keepBallast, openDiskStore, watchFreeSpace } from './store/index.ts';
import { createSys, watchLoopDelay } from './sys/index.ts';
import { createPacer, createWebSocketTransport, listenTcp, listenTls, listenUnix } from './transport/index.ts';

/** What `serve` needs beside its settings. */
export type ServeOptions = {
  /** Aborted to stop in good order. */
  readonly signal: AbortSignal;
  readonly version: string;
  /** Calls back when the files that may change while it runs are to be read again (SIGHUP). */
  readonly onReload: (reload: () => void) => void;
  /** Prints one line or several for the person who started it. */
  readonly print: (line: string) => void;
};

/** Ends what was begun. `sinceMs` (monotonic): when the stop began, all of which is to take less than 5 s. */
type Closer = (sinceMs: number) => unknown;

/** From the beginning of a stop on. Before history: clients are told, and requests under way have a second. */
const HISTORY_ENDS_MS = 3300;
const STORE_ENDS_MS = 4300;
/** A disk that does not answer keeps even the end of a process waiting. */
const STOP_ENDS_MS = 4800;

/** Puts the rooms together and runs until the signal. Throws an OperatorError for what the owner can mend. */
export async function serve(settings: Settings, options: ServeOptions): Promise<void> {
  const logger = createLog(settings.log);
  const closers: Closer[] = [];
  const onClose = (close: Closer): void => void closers.unshift(close);
  try {
    giveUpBallast(settings.data, ballastOf(settings), logger);
    const folder = openDataFolder(settings.data);
    onClose(folder.release);
    await open(settings, options, logger, onClose);
    await aborted(options.signal);
    logger.info({}, 'stopping');
  } finally {
    const sinceMs = performance.now();
    const isTooLong = setTimeout(() => {
      logger.error(
        {},
        'the disk does not answer: Sonde leaves without closing its store. Nothing acknowledged is lost; the next start looks at all of it',
      );
      process.kill(process.pid, 'SIGKILL'); // an exit would wait for what is asked of the disk
    }, STOP_ENDS_MS);
    for (const close of closers) await close(sinceMs);
    clearTimeout(isTooLong);
  }
}

async function open(
  settings: Settings,
  { signal, print, version, onReload }: ServeOptions,
  logger: Logger,
  onClose: (close: Closer) => void,
): Promise<void> {
  const clock = systemClock((stepMs) => {
    logger.warn(
      { stepMs: Math.round(stepMs) },
      'the wall clock was stepped: time stamps follow it, nothing expires by it',
    );
  });
  const tokenFile = tokenFileOf(settings.data);
  const isGone = goneFiles(settings.data, tokenFile);
  const gone = createGoneNotes(settings.data, logger);
  const firstToken = await createFirstToken(tokenFile);
  if (isGone.tokens) gone.tokens();
  const { anonymous, rules, limits } = settings;
  const reached = nothingReached();
  const memory = createMemoryWatermark({ bytes: settings.limits.memoryWatermarkBytes, logger, reached });
  const turns = new TurnMeter({ clock, cpu: threadCpu(), logger: sparingLogger(logger) });
  const listeners = listenerNeeds(settings, anonymous).map(anonymousAt);
  const access = createAccess({ tokenFile, anonymous, rules, listeners, logger, limits, reached });
  onClose(access.close);

  const { durability } = settings;
  const store = await openDiskStore({ folder: join(settings.data, STORE_FOLDER), clock, logger, durability });
  // Last: history reads its queue until it has stopped.
  onClose((sinceMs) => store.close(sinceMs + STORE_ENDS_MS));
  const historyFile = join(settings.data, HISTORY_FILE);
  const isNewHistory = !existsSync(historyFile);
  const history = settings.history === 'off' ? null : openHistory(settings, historyFile, clock, logger, reached);
  if (history) onClose((sinceMs) => history.stop(sinceMs + HISTORY_ENDS_MS));
  const started = history?.start();
  started?.catch(() => {}); // looked at below; until then it may not end the process

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
  const restored = await broker.restore();
  if (restored.sessions + restored.retained + restored.leftOut > 0) logger.info(restored, 'restored from the store');
  const loopDelay = watchLoopDelay(clock);
  onClose(loopDelay.stop);
  await started;
  if (history) await noteRecorded(settings.data, logger);

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
  onClose(keepBallast(ballastOf(settings), settings.data, space.reserve, logger).stop);
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

const ballastOf = (settings: Settings): string => join(settings.data, BALLAST_FILE);

function anonymousAt({ listener, needs }: ListenerNeeds) {
  const anonymous = ({ nothing: 'all', local: 'local', token: 'none', certificate: 'none' } as const)[needs];
  return { listener, anonymous };
}

function caOf(certificates: Certificates): { readonly file: string; readonly fingerprint: string } | null {
  const local = certificates.local();
  return local === null ? null : { file: local.caFile, fingerprint: local.fingerprint() };
}

function openHistory({ limits }: Settings, file: string, clock: Clock, logger: Logger, reached: Reached): History {
  return createHistory({
    file,
    logger,
    clock,
    reached,
    maxSeries: limits.maxSeries,
    maxJsonDepth: limits.maxJsonDepth,
    maxPathsPerPayload: limits.maxJsonPaths,
    maxTextLength: limits.maxJsonTextChars,
    qos0BufferBytes: limits.qos0BufferBytes,
    memoryLimitMb: Math.ceil(limits.historyMemoryBytes / (1024 * 1024)),
    maxQueries: limits.historyQueries,
    queryTimeoutMs: limits.historyQueryTimeoutS * 1000,
  });
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
