/** Times on the wire: ISO 8601 in UTC with 6 decimals; inside: whole microseconds since 1970 UTC, exact in a number. */

const DAY_US = 86_400_000_000;
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:([Zz])|([+\- ])(\d{2})(?::?(\d{2}))?)?)?$/;

/** What `parseIsoMicros` takes, as a sentence for people. */
export const ISO_RULE =
  'an ISO 8601 time such as 2026-11-21T07:03:00.123456Z (without an offset it is UTC; at most 9 decimals) between 1684-07-28 and 2255-06-05';

/**
 * Microseconds of an ISO 8601 time, or null when it is none. A date alone is its midnight; no offset means UTC. Digits
 * beyond the microsecond round up, so that `from` (inclusive) and `to` (exclusive) both stay exact for microsecond
 * stamps. A space before the offset is taken for the `+` that form decoding ate.
 */
export function parseIsoMicros(text: string): number | null {
  const m = ISO.exec(text);
  if (m === null) return null;
  const [year, month, day] = [Number(m[1]), Number(m[2]), Number(m[3])];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  const [hour, minute, second] = [Number(m[4] ?? 0), Number(m[5] ?? 0), Number(m[6] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const [offsetHours, offsetMinutes] = [Number(m[10] ?? 0), Number(m[11] ?? 0)];
  if (offsetHours > 23 || offsetMinutes > 59) return null;

  const nanos = Number((m[7] ?? '').padEnd(9, '0'));
  const offsetS = (m[9] === '-' ? -1 : 1) * (offsetHours * 3600 + offsetMinutes * 60);
  const seconds = hour * 3600 + minute * 60 + second - offsetS;
  const us = daysSinceEpoch(year, month, day) * DAY_US + seconds * 1_000_000 + Math.ceil(nanos / 1000);
  return Number.isSafeInteger(us) ? us : null;
}

/** `2026-11-21T07:03:00.123456Z`. Takes whole microseconds. One for each row of an answer, so by arithmetic alone. */
export function formatMicros(us: number): string {
  const micros = mod(us, 1_000_000);
  const seconds = mod((us - micros) / 1_000_000, 86_400);
  const days = (us - micros - seconds * 1_000_000) / DAY_US;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  const upper = (micros / 10_000) | 0;
  const middle = ((micros / 100) | 0) % 100;
  const time = `${TWO[hours]}:${TWO[minutes % 60]}:${TWO[seconds % 60]}`;
  return `${dateOf(days)}T${time}.${TWO[upper]}${TWO[middle]}${TWO[micros % 100]}Z`;
}

/** `00` to `99`. */
const TWO: readonly string[] = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'));

/** The same, and null for null. */
export function formatMicrosOrNull(us: number | null): string | null {
  return us === null ? null : formatMicros(us);
}

/** Days since 1970 to a date of the Gregorian calendar, counted in eras of 400 years that begin on 1 March. */
function dateOf(days: number): string {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const day = shifted - era * 146_097;
  const year = Math.floor((day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365);
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const calendarMonth = month < 10 ? month + 3 : month - 9;
  const calendarYear = year + era * 400 + (calendarMonth <= 2 ? 1 : 0);
  return `${String(calendarYear).padStart(4, '0')}-${TWO[calendarMonth]}-${TWO[dayOfMonth]}`;
}

function daysSinceEpoch(year: number, month: number, day: number): number {
  // setUTCFullYear, because Date.UTC takes the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function mod(value: number, by: number): number {
  const rest = value % by;
  return rest < 0 ? rest + by : rest;
}
