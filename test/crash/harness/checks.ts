import { waitFor } from '../../tooling/index.ts';
import type { Receipts, Stream } from './ledger.ts';
import type { Load } from './load.ts';
import type { Run } from './run-state.ts';

/** An end of Sonde, and since when QoS 0 may be missing then. */
export type End = { readonly atMs: number; readonly qos0SinceMs: number };

/** What was acknowledged and never came is named so often for one receiver and stream; all of it is counted. */
const NAMED = 5;

/** Every acknowledged message has reached each persistent subscriber, which subscribed before the first was published. */
export function checkDelivery(run: Run, { publishers, receipts }: Pick<Load, 'publishers' | 'receipts'>): void {
  for (const { stream } of publishers) {
    if (stream.qos > 0) for (const to of receipts) checkOne(run, stream, to);
  }
}

function checkOne(run: Run, stream: Stream, to: Receipts): void {
  let named = 0;
  for (let number = 0; number < stream.sent(); number++) {
    if (!stream.isAcknowledged(number) || to.count(stream, number) > 0) continue;
    named += 1;
    run.fault('lost', named > NAMED ? 'and more' : `${to.name} never got ${stream.story(number)}`);
  }
}

/** Waits until all has come that has to come, or nothing comes any more for `patienceMs`. */
export async function untilDrained(
  load: Pick<Load, 'publishers' | 'receipts' | 'subscribers'>,
  patienceMs: number,
): Promise<void> {
  let before = -1;
  let sinceMs = performance.now();
  await waitFor(
    'the subscribers to have all',
    () => {
      const now = load.receipts.reduce((sum, one) => sum + one.inAll(), 0);
      if (now !== before) sinceMs = performance.now();
      before = now;
      const working = load.publishers.some(({ underWay }) => underWay() > 0);
      const open = load.subscribers.some(({ unfinished }) => unfinished() > 0);
      return performance.now() - sinceMs > (working || open ? 5 * patienceMs : patienceMs);
    },
    600_000,
  );
}

export type HistoryCheck = { readonly points: number; readonly resent: number; readonly oldestQos0Ms: number };

/** History has each accepted PUBLISH once. Asks until it has all, or until `performance.now()` is `untilMs`. */
export async function checkHistory(
  run: Run,
  url: string,
  stream: Stream,
  ends: readonly End[],
  untilMs: number,
): Promise<HistoryCheck> {
  let times = new Map<number, number>();
  const isThere = (number: number): boolean => (times.get(number) ?? 0) > 0;
  const missing = (): number[] => {
    const found: number[] = [];
    for (let number = 0; number < stream.sent(); number++) {
      if (!isThere(number) && isWanted(stream, number, ends)) found.push(number);
    }
    return found;
  };
  let points = 0;
  await waitFor(
    `history of ${stream.topic}`,
    async () => {
      const values = await recorded(url, stream.topic);
      points = values.length;
      times = new Map();
      for (const value of values) times.set(value, (times.get(value) ?? 0) + 1);
      return missing().length === 0;
    },
    Math.max(0, untilMs - performance.now()),
  ).catch(() => {});

  const gaps = stream.qos === 0 ? [...new Set([...missing(), ...holes(stream, isThere, ends)])] : missing();
  gaps.forEach((number, at) => {
    const kind = stream.qos === 0 ? 'QoS 0 gaps' : 'history gaps';
    run.fault(kind, at >= NAMED ? 'and more' : `history lacks ${stream.story(number)}${ageOf(stream, number, ends)}`);
  });
  let resent = 0;
  for (const [number, count] of times) {
    const allowed = 1 + (stream.qos === 1 ? stream.sentAgain(number) : 0);
    if (count > 1 && count <= allowed) resent += count - 1;
    if (count > allowed) run.fault('history duplicates', `history has ${count} times ${stream.story(number)}`);
    if (number >= stream.sent()) run.fault('history duplicates', `history has ${stream.name} #${number}, never sent`);
  }
  let oldestQos0Ms = 0;
  if (stream.qos === 0) {
    for (let number = 0; number < stream.sent(); number++) {
      if (!isThere(number)) oldestQos0Ms = Math.max(oldestQos0Ms, msBeforeEnd(stream, number, ends));
    }
  }
  return { points, resent, oldestQos0Ms };
}

/** QoS 0 is wanted when it was taken before the window of the kill that came next. */
function isWanted(stream: Stream, number: number, ends: readonly End[]): boolean {
  if (!stream.isAcknowledged(number)) return false;
  if (stream.qos > 0) return true;
  const end = nextEnd(stream, number, ends);
  return end === undefined || stream.acknowledgedAtMs(number) < end.qos0SinceMs;
}

/** QoS 0 that is missing although something later, that the same Sonde had, is there: only the end of it may be gone. */
function holes(stream: Stream, isThere: (number: number) => boolean, ends: readonly End[]): number[] {
  const found: number[] = [];
  let later: End | undefined | null = null;
  for (let number = stream.sent() - 1; number >= 0; number--) {
    if (!stream.isAcknowledged(number)) continue;
    const end = nextEnd(stream, number, ends);
    if (isThere(number)) later = end;
    else if (later === end) found.push(number);
  }
  return found;
}

/** Of the Sonde that took it: what it answered may be read when it has ended. */
function nextEnd(stream: Stream, number: number, ends: readonly End[]): End | undefined {
  const connectedMs = stream.connectedAtMs(number);
  return ends.find(({ atMs }) => atMs >= connectedMs);
}

/** How long a message had been taken when Sonde ended; 0: that is not known. */
function msBeforeEnd(stream: Stream, number: number, ends: readonly End[]): number {
  const end = stream.isAcknowledged(number) ? nextEnd(stream, number, ends) : undefined;
  return end === undefined ? 0 : end.atMs - stream.acknowledgedAtMs(number);
}

function ageOf(stream: Stream, number: number, ends: readonly End[]): string {
  const ms = msBeforeEnd(stream, number, ends);
  return ms === 0 ? '' : `; it had it ${ms.toFixed(0)} ms before it ended`;
}

/** All values of a topic; none when history does not know the topic. */
async function recorded(url: string, topic: string): Promise<readonly number[]> {
  const response = await fetch(`${url}/api/v1/points?topic=${topic}&field=value&limit=1000000`);
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`history answers ${response.status}: ${await response.text()}`);
  if (response.headers.get('x-truncated') !== null) throw new Error('more points than one answer holds');
  return ((await response.json()) as { points: [string, number][] }).points.map(([, value]) => value);
}
