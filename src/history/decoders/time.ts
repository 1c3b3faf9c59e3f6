import type { DecodedValue } from './payload.ts';

/** Names of the field that says when a row was measured, the first that holds a time wins. Top level or row level only. */
export const TIME_FIELDS = ['time', 'timestamp', 'ts'] as const;

/** 2001-01-01 UTC. Anything before is a counter or an unset clock, not a time. */
const EARLIEST_US = 978_307_200_000_000;
const DAY_US = 86_400_000_000;

/**
 * The time that a value gives, whole microseconds since 1970 UTC, or null when it gives none: ISO 8601 with a date, or
 * an epoch number in s, ms, us or ns, between 2001 and a day after arrival. Text without a zone is taken as UTC.
 */
export function timeFromValue(value: DecodedValue, arrivedUs: number): number | null {
  const us = microseconds(value);
  if (us === null || us < EARLIEST_US || us > arrivedUs + DAY_US) return null;
  return us;
}

function microseconds(value: DecodedValue): number | null {
  if (typeof value === 'number') return epochMicroseconds(value);
  if (typeof value === 'string') return isoMicroseconds(value);
  if (value === null || value instanceof Uint8Array) return null;
  // Nanoseconds are beyond 2^53: divide before the double rounds.
  if (!/^[0-9]{18,20}$/.test(value.exact)) return null;
  return Number(BigInt(value.exact) / 1000n);
}

/** The ranges do not overlap: seconds of today are far below the milliseconds of 2001. */
function epochMicroseconds(value: number): number | null {
  if (value < 978_307_200) return null;
  if (value < 978_307_200_000) return Math.round(value * 1e6);
  if (value < 978_307_200_000_000) return Math.round(value * 1e3);
  if (value < 978_307_200_000_000_000) return Math.round(value);
  return Math.round(value / 1e3);
}

const ISO =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?[ ]?([Zz]|GMT|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$/;

/** Microseconds since 1970 UTC of an ISO 8601 date or date and time, or null. A leap second counts as the next one. */
export function isoMicroseconds(text: string): number | null {
  if (text.length < 10 || text.length > 40) return null;
  const parts = ISO.exec(text);
  if (parts === null) return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = parts;
  const days = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const date = new Date(days);
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return null;
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  if (seconds > 86_400) return null;
  const micros = Number(fraction.padEnd(6, '0').slice(0, 6));
  return days * 1000 + seconds * 1e6 + micros - zoneSeconds(zone) * 1e6;
}

function zoneSeconds(zone: string): number {
  const sign = zone.startsWith('-') ? -1 : 1;
  if (!/^[+-]/.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '');
  return sign * (Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2) || '0') * 60);
}
