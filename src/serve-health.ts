import type { MemoryWatermark } from './base/index.ts';
import type { Broker } from './broker/index.ts';
import { type History, historyDamageText } from './history/index.ts';
import type { WorldStatus } from './live/index.ts';
import type { GoneNotes } from './serve-gone.ts';
import { type DiskStore, damageText, type FreeSpace } from './store/index.ts';

type HistoryState = ReturnType<History['status']>['state'];

/** What is looked at to say how Sonde is. */
export type Watched = {
  readonly broker: Broker;
  readonly store: DiskStore;
  readonly space: FreeSpace;
  readonly history: History | null;
  readonly memory: MemoryWatermark;
  readonly gone: GoneNotes;
};

const STORE_FAILS = 'the store cannot be written: nothing is acknowledged until it can';

const RECORDER_FULL =
  'history is behind and its queue is full: publishers of recorded topics wait, and are acknowledged as there is room';
/** History that has not answered for so long is more than busy. */
const HUNG_MS = 10_000;

const MEMORY_SHORT = [
  '',
  'memory is near its watermark: new connections wait',
  'memory is near its watermark: slow receivers get no QoS 0 messages',
  'memory is at its watermark: publishers are read more slowly',
] as const;

/** All that is not as it should be, the worst first; empty when all is well. `isTrouble`: of what history says of itself. */
function troubles(
  { broker, store, space, history, memory, gone }: Watched,
  isTrouble: (state: HistoryState) => boolean,
): readonly string[] {
  const status = history?.status();
  const isHung = (status?.inFlightMs ?? 0) > HUNG_MS;
  return [
    store.failing() ? STORE_FAILS : '',
    space.low() ?? '',
    MEMORY_SHORT[memory.level()] ?? '',
    broker.stats().recorderFull ? RECORDER_FULL : '',
    status !== undefined && (isHung || isTrouble(status.state)) ? `history: ${status.detail}` : '',
    damageText(store.damage),
    historyDamageText(status?.damage ?? []),
    ...gone.texts,
  ].filter((text) => text !== '');
}

/** For `/health`: history that is behind for a moment is no reason to restart anything. */
export function healthOf(watched: Watched): { readonly status: 'ok' | 'degraded'; readonly detail?: string } {
  const found = troubles(watched, (state) => state === 'down');
  return found.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: found.join('; ') };
}

/** For the app, of one world. */
export function statusOf(watched: Watched, world: number): WorldStatus {
  const { broker, store, history } = watched;
  const namespace = broker.worldNames().find((name) => broker.worldNumber(name) === world) ?? '';
  const status = history?.status();
  const detail = troubles(watched, (state) => state !== 'ok').join('; ');
  return {
    status: detail === '' ? 'ok' : 'degraded',
    detail,
    namespace,
    clients: broker.worldStats(world)?.connected ?? 0,
    history: status
      ? { state: status.state, detail: status.detail, lastCommitUs: status.lastCommitUs }
      : { state: 'off', detail: 'started with --history off', lastCommitUs: null },
    store: store.engine,
  };
}
