import { Problem } from './problems.ts';

const MAX_PARAMETERS = 32;
const FAULT = Symbol('query fault');

/** A query string as a record without prototype; a parameter that was given more than once is a list. */
export type QueryRecord = Record<string, string | string[]> & { [FAULT]?: string };

/**
 * Parses a query string strictly. It may not throw (the router calls it outside of any route), so a fault is kept with
 * the record and raised by `throwQueryFault`.
 *
 * `+` is a space, as HTML forms have it, except where it stands for a whole level between slashes: there it is MQTT's
 * wildcard, because people type `?topic=sensors/+/temperature` and no one names a level by one space.
 */
export function parseQuery(text: string): QueryRecord {
  const record = Object.create(null) as QueryRecord;
  if (text === '') return record;
  const pairs = text.split('&', MAX_PARAMETERS + 1);
  if (pairs.length > MAX_PARAMETERS) {
    record[FAULT] = `The query has more than ${MAX_PARAMETERS} parameters.`;
    return record;
  }
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const rawName = equals === -1 ? pair : pair.slice(0, equals);
    const rawValue = equals === -1 ? '' : pair.slice(equals + 1);
    const name = decode(rawName);
    const value = decodeLevels(rawValue);
    if (name === null || value === null) {
      record[FAULT] = `The query has a percent escape that is no UTF-8 near ${JSON.stringify(pair.slice(0, 60))}.`;
      return record;
    }
    const before = record[name];
    if (before === undefined) record[name] = value;
    else if (typeof before === 'string') record[name] = [before, value];
    else before.push(value);
  }
  return record;
}

/** Raises what `parseQuery` found wrong. */
export function throwQueryFault(query: unknown): void {
  const fault = (query as QueryRecord | undefined)?.[FAULT];
  if (fault !== undefined) throw new Problem('bad-request', fault);
}

function decodeLevels(raw: string): string | null {
  if (!raw.includes('+')) return decode(raw);
  const levels = raw.split(/\/|%2f/i).map((level) => (level === '+' ? level : decode(level)));
  return levels.includes(null) ? null : levels.join('/');
}

function decode(raw: string): string | null {
  const spaced = raw.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return null;
  }
}
