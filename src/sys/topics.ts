import type { Traffic, WorldStats } from '../broker/index.ts';
import { type Load, SPANS, type Span } from './load.ts';

/** What the load topics are averages of, by the middle of their names. `sockets` is the server's alone. */
export const LOADS: Readonly<Record<string, keyof Traffic>> = {
  'messages/received': 'packetsIn',
  'messages/sent': 'packetsOut',
  'publish/dropped': 'dropped',
  'publish/received': 'messagesIn',
  'publish/sent': 'messagesOut',
  'bytes/received': 'bytesIn',
  'bytes/sent': 'bytesOut',
  sockets: 'connectionsTotal',
  connections: 'connects',
};

export type Moment = {
  readonly version: string;
  readonly uptimeS: number;
  readonly stats: WorldStats;
  /** By the keys of LOADS. */
  readonly loads: ReadonlyMap<string, Load>;
  /** Bytes; null where it has no meaning: a world has no heap of its own. */
  readonly heap: { readonly current: number; readonly maximum: number } | null;
};

/** The topics with their values: names, units and forms are those of Mosquitto 2.0. */
export function topicsAt({ version, uptimeS, stats, loads, heap }: Moment): Map<string, string> {
  const values: [string, string | number][] = [
    ['version', `sonde version ${version}`],
    ['uptime', `${Math.floor(uptimeS)} seconds`],
    ['clients/total', stats.sessions],
    ['clients/maximum', stats.maxConnected],
    ['clients/connected', stats.connected],
    ['clients/active', stats.connected],
    ['clients/disconnected', stats.sessions - stats.connected],
    ['clients/inactive', stats.sessions - stats.connected],
    ['clients/expired', stats.sessionsExpired],
    ['messages/received', stats.packetsIn],
    ['messages/sent', stats.packetsOut],
    ['messages/stored', stats.retained + stats.queued],
    ['store/messages/count', stats.retained + stats.queued],
    ['store/messages/bytes', stats.retainedBytes + stats.queuedBytes],
    ['subscriptions/count', stats.subscriptions],
    ['shared_subscriptions/count', stats.sharedSubscriptions],
    ['retained messages/count', stats.retained],
    ['publish/messages/received', stats.messagesIn],
    ['publish/messages/sent', stats.messagesOut],
    ['publish/messages/dropped', stats.dropped],
    ['publish/bytes/received', stats.payloadBytesIn],
    ['publish/bytes/sent', stats.payloadBytesOut],
    ['bytes/received', stats.bytesIn],
    ['bytes/sent', stats.bytesOut],
  ];
  if (heap !== null) values.push(['heap/current', heap.current], ['heap/maximum', heap.maximum]);
  for (const [name, load] of loads) {
    for (const span of Object.keys(SPANS) as Span[]) {
      values.push([`load/${name}/${span}`, load.perMinute[span].toFixed(2)]);
    }
  }
  return new Map(values.map(([name, value]) => [`$SYS/broker/${name}`, String(value)]));
}
