/** How figures, ages, sizes and times are written. Times come in microseconds since 1970 UTC. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `now`, `12 s`, `3 min`, `5 h`, `2 d`: an age of milliseconds, short enough for a column. */
export function formatAge(ms: number): string {
  if (ms < 1500) return 'now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

const grouped = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

/** A count with the reader's digit grouping. */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** A count in at most five characters: `950`, `12.3k`, `4M`. */
export function formatShort(count: number): string {
  if (count < 1000) return String(Math.round(count));
  if (count < 999_500) return `${trim(count / 1000)}k`;
  return `${trim(count / 1e6)}M`;
}

function trim(value: number): string {
  return value < 99.95 ? String(Math.round(value * 10) / 10) : String(Math.round(value));
}

/** A rate a second: one decimal below ten. */
export function formatRate(perSecond: number): string {
  return perSecond < 10 ? String(Math.round(perSecond * 10) / 10) : formatShort(perSecond);
}

/** `64 bytes`, `2.1 kB`: decimal units, as disks and networks count. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) return '1 byte';
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${trim(bytes / 1000)} kB`;
  if (bytes < 1e9) return `${trim(bytes / 1e6)} MB`;
  return `${trim(bytes / 1e9)} GB`;
}

/** A measured number: as it was sent when it fits, else to seven significant digits. */
export function formatNumber(value: number): string {
  const text = String(value);
  return text.length <= 10 ? text : String(Number(value.toPrecision(7)));
}

const timeOfDay = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const dayAndTime = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
});

/** Time of day in the reader's zone with milliseconds: `14:03:09.250`. */
export function formatClock(us: number): string {
  const ms = Math.floor(us / 1000);
  return `${timeOfDay.format(ms)}.${String(((ms % 1000) + 1000) % 1000).padStart(3, '0')}`;
}

/** For hovering: the reader's zone, and the exact instant in UTC to the microsecond. */
export function formatExact(us: number): string {
  return `${dayAndTime.format(us / 1000)}\n${isoMicros(us)}`;
}

/** ISO 8601 in UTC with six decimals. */
export function isoMicros(us: number): string {
  const whole = Math.floor(us);
  const micros = ((whole % 1000) + 1000) % 1000;
  return new Date(Math.floor(whole / 1000)).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}

/** Microseconds of an ISO 8601 instant, digits beyond the millisecond kept; NaN when it is none. */
export function parseIsoMicros(iso: string): number {
  const ms = Date.parse(iso);
  const digits = /\.\d{3}(\d{1,3})/.exec(iso)?.[1] ?? '';
  return ms * 1000 + (digits === '' ? 0 : Number(digits.padEnd(3, '0')));
}
