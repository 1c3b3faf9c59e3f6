import { Counter, Gauge, type Registry } from 'prom-client';
import { BOUNDS, type Reached } from '../base/index.ts';

/** How much of what is bounded is in use now, where it is not among the broker's own figures. */
export type InUse = {
  readonly waitingConnections: () => number;
  readonly pendingConnections: () => number;
  readonly silentConnections: () => number;
  readonly waitingSignIns: () => number;
  readonly memoryShed: () => number;
  readonly memoryWatermark: () => number;
  readonly liveTopics: () => number;
  readonly viewers: () => number;
  readonly unsyncedBytes: () => number;
  readonly recorderQueueBytes: () => number;
  /** Of the disk that the data folder is on; null: not known. */
  readonly diskFreeBytes: () => number | null;
  readonly diskReserveBytes: () => number | null;
  readonly storeBytes: () => { readonly log: number; readonly table: number };
};

const GAUGES: readonly (readonly [name: string, help: string, figure: Exclude<keyof InUse, 'storeBytes'>])[] = [
  [
    'sonde_connections_waiting',
    'Accepted connections that wait to be read for the first time now.',
    'waitingConnections',
  ],
  ['sonde_connections_pending', 'Connections that are read and have not signed in now.', 'pendingConnections'],
  [
    'sonde_connections_silent',
    'Connections that said nothing and count no more among those of their address that have not signed in.',
    'silentConnections',
  ],
  ['sonde_sign_ins_waiting', 'Secrets that wait to be checked now.', 'waitingSignIns'],
  [
    'sonde_memory_shed_level',
    'What is shed since memory is short: 0 nothing, 3 publishers are read more slowly.',
    'memoryShed',
  ],
  ['sonde_memory_watermark_bytes', 'Resident memory at which load is shed.', 'memoryWatermark'],
  ['sonde_live_topics', 'Topics in the live index now.', 'liveTopics'],
  ['sonde_store_unsynced_bytes', 'Bytes that wait to be synced now.', 'unsyncedBytes'],
  ['sonde_disk_free_bytes', 'Free bytes of the disk that the data folder is on.', 'diskFreeBytes'],
  ['sonde_disk_reserve_bytes', 'Free bytes below which nothing is taken that has to be kept.', 'diskReserveBytes'],
  ['sonde_viewers', 'Connections that watch the live view now.', 'viewers'],
];

const HELP = 'What was refused, slowed down or cut at a bound; the label is its name under limits.';

/** The bounds: how often each was met (`docs/limits.md`), and what is in use. */
export function addLimits(register: Registry, reached: Reached, inUse: InUse): void {
  new Counter({
    name: 'sonde_limit_reached_total',
    help: HELP,
    labelNames: ['bound'],
    registers: [register],
    collect() {
      this.reset();
      for (const bound of BOUNDS) this.inc({ bound }, reached[bound]);
    },
  });
  new Gauge({
    name: 'sonde_store_bytes',
    help: 'What the store takes on disk now.',
    labelNames: ['part'],
    registers: [register],
    collect() {
      for (const [part, bytes] of Object.entries(inUse.storeBytes())) this.set({ part }, bytes);
    },
  });
  for (const [name, help, figure] of GAUGES) {
    new Gauge({
      name,
      help,
      registers: [register],
      collect() {
        const value = inUse[figure]();
        if (value !== null) this.set(value);
      },
    });
  }
}
