import { messageOf } from '../base/index.ts';
import type { DeviceMessage, DeviceModel } from './device.ts';
import type { Link, OpenLink } from './link.ts';
import { sampleQueue } from './sample-queue.ts';
import { type DeviceTime, systemTime } from './time.ts';

export type DeviceEvent =
  | { readonly kind: 'connected'; readonly clientId: string }
  | { readonly kind: 'lost'; readonly clientId: string; readonly why: string }
  | { readonly kind: 'published'; readonly clientId: string; readonly message: DeviceMessage };

export type RunOptions = {
  readonly open: OpenLink;
  /** Time between two samples. */
  readonly periodMs: number;
  /** Samples after which the device is switched off; null: only the signal ends it. */
  readonly count: number | null;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: DeviceEvent) => void;
  readonly time?: DeviceTime;
};

/** What a device did. `samples` were handed over or acknowledged; `pending` were still held when it was switched off. */
export type RunSummary = { readonly samples: number; readonly connections: number; readonly pending: number };

/** umqtt.robust waits this long before it tries again. */
const RETRY_MS = 2_000;
/** How long a device that is switched off may take to say farewell. */
const FAREWELL_MS = 2_000;

/** Runs a device until its count is reached or the signal comes; reconnects by itself, never throws for the network. */
export async function runDevice(model: DeviceModel, options: RunOptions): Promise<RunSummary> {
  const { open, periodMs, count, signal } = options;
  const time = options.time ?? systemTime;
  const tell = options.onEvent ?? (() => {});
  const { clientId } = model;
  const samples = sampleQueue(model, periodMs, count, time);
  let connections = 0;
  let sent = 0;
  let announced = false;
  let greeted = false;

  const done = () => signal.aborted || (count !== null && sent >= count);

  const openLink = async (clean: boolean, will: DeviceMessage | null): Promise<Link> => {
    const link = await open({ clientId, clean, will, signal });
    connections += 1;
    return link;
  };

  /** Takes each message off its list once it is handed over or acknowledged, so that a reconnect goes on after it. */
  const publish = async (link: Link, messages: DeviceMessage[]) => {
    for (let message = messages[0]; message !== undefined; message = messages[0]) {
      await link.publish(message);
      messages.shift();
      tell({ kind: 'published', clientId, message });
    }
  };

  const announce = async () => {
    const messages = [...model.announcement(time.wallMs())];
    if (messages.length > 0) {
      const link = await openLink(true, null);
      await publish(link, messages);
      await link.end();
    }
    announced = true;
  };

  const serve = async (link: Link) => {
    const over = new AbortController();
    void link.closed.then(() => over.abort());
    const cutLater = () => void time.sleep(FAREWELL_MS, over.signal).then(() => link.cut());
    signal.addEventListener('abort', cutLater);
    try {
      const wake = AbortSignal.any([signal, over.signal]);
      if (!greeted) await publish(link, [...model.greeting]);
      greeted = true;
      while (!done() && !over.signal.aborted) {
        samples.takeDue();
        const sample = samples.first();
        if (sample === undefined) {
          await time.sleep(samples.msToNext(), wake);
          continue;
        }
        await publish(link, sample);
        samples.removeFirst();
        sent += 1;
      }
      if (over.signal.aborted) throw new Error('the connection was closed');
      cutLater();
      await publish(link, [...model.farewell]);
      await link.end();
    } finally {
      signal.removeEventListener('abort', cutLater);
    }
  };

  while (!done()) {
    try {
      if (!announced) await announce();
      const link = await openLink(greeted ? model.cleanOnReconnect : true, greeted ? model.will : null);
      tell({ kind: 'connected', clientId });
      await serve(link);
    } catch (error) {
      if (done()) break;
      tell({ kind: 'lost', clientId, why: messageOf(error) || 'no answer' });
      await time.sleep(RETRY_MS, signal);
    }
  }
  return { samples: sent, connections, pending: samples.size() };
}
