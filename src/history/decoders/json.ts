import {
  type DecodeBound,
  type DecodedRow,
  type DecodedValue,
  type DecodeLimits,
  type ExactInteger,
  VALUE_FIELD,
} from './payload.ts';
import { TIME_FIELDS, timeFromValue } from './time.ts';

/**
 * JSON (RFC 8259) straight to rows of paths, without building the objects: `JSON.parse` would round integers beyond 2^53,
 * make keys such as `__proto__` special and have no bound of depth. What is not JSON, or beyond a bound, gives null and is
 * kept as text by the next decoder.
 *
 *     {"a":{"b":1},"c":[2,3]}      one row: a.b, c[0], c[1]
 *     [{"id":1,"t":2},{"id":2}]    two rows
 *     [1,2]                        one row: [0], [1]
 */
export function decodeJson(json: string, arrivedUs: number, bounds: DecodeLimits): readonly DecodedRow[] | null {
  text = json;
  at = 0;
  limits = bounds;
  pathsLeft = bounds.maxPaths;
  beyond = null;
  try {
    return rowsOf(arrivedUs);
  } finally {
    text = '';
    fields = [];
    values = [];
  }
}

/** The bound for which the last payload was not taken as JSON; null: it was taken, or is none. */
export function boundOfJson(): DecodeBound | null {
  return beyond;
}

// The parser's state. Synchronous and never re-entered, so one set serves, and a message costs no closures.
let text = '';
let at = 0;
let limits: DecodeLimits;
let pathsLeft = 0;
let beyond: DecodeBound | null = null;
let fields: string[] = [];
let values: DecodedValue[] = [];

function rowsOf(arrivedUs: number): readonly DecodedRow[] | null {
  skipSpace();
  const first = text.charCodeAt(at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return null;
  const start = at;
  if (first === OPEN_BRACKET) {
    const rows = arrayOfObjects(arrivedUs);
    if (rows !== undefined) return rows;
    at = start;
    pathsLeft = limits.maxPaths;
    beyond = null;
  }
  fields = [];
  values = [];
  if (!parseValue('', 0) || !atEnd()) return null;
  const row = finishRow(arrivedUs);
  return row === null || row.fields.length === 0 ? null : [row];
}

/** Rows; null when it is not JSON; undefined when it is not an array of objects only. */
function arrayOfObjects(arrivedUs: number): readonly DecodedRow[] | null | undefined {
  const rows: DecodedRow[] = [];
  at += 1;
  for (;;) {
    skipSpace();
    if (text.charCodeAt(at) !== OPEN_BRACE) return undefined;
    fields = [];
    values = [];
    if (!parseObject('', 1)) return null;
    const row = finishRow(arrivedUs);
    if (row === null) return null;
    if (row.fields.length > 0) rows.push(row);
    skipSpace();
    const next = text.charCodeAt(at);
    at += 1;
    if (next === COMMA) continue;
    if (next !== CLOSE_BRACKET || !atEnd()) return null;
    return rows.length === 0 ? null : rows;
  }
}

/** null when a path stands twice: then nothing says which value is meant, and the text keeps both. */
function finishRow(arrivedUs: number): DecodedRow | null {
  if (!unique(fields)) return null;
  let timeUs: number | null = null;
  for (const name of TIME_FIELDS) {
    const index = fields.indexOf(name);
    if (index < 0) continue;
    const value = values[index]!;
    timeUs = timeFromValue(value, arrivedUs);
    if (timeUs === null) continue;
    // A number stays a series as well. Text that is the row's time says nothing more, unless it is all there is.
    if (typeof value === 'string' && fields.length > 1) {
      fields.splice(index, 1);
      values.splice(index, 1);
    }
    break;
  }
  return { timeUs, fields, values };
}

function unique(names: readonly string[]): boolean {
  if (names.length > 16) return new Set(names).size === names.length;
  for (let i = 1; i < names.length; i++) {
    for (let j = 0; j < i; j++) if (names[i] === names[j]) return false;
  }
  return true;
}

function parseValue(path: string, depth: number): boolean {
  switch (text.charCodeAt(at)) {
    case OPEN_BRACE:
      return parseObject(path, depth + 1);
    case OPEN_BRACKET:
      return parseArray(path, depth + 1);
    case QUOTE: {
      const value = parseString();
      return value !== null && within('maxTextLength', value.length) && push(path, value);
    }
    case LOWER_T:
      return parseWord('true') && push(path, 1);
    case LOWER_F:
      return parseWord('false') && push(path, 0);
    case LOWER_N:
      return parseWord('null') && push(path, null);
    default: {
      const value = parseNumber();
      return value !== undefined && push(path, value);
    }
  }
}

function parseObject(path: string, depth: number): boolean {
  if (!within('maxDepth', depth)) return false;
  at += 1;
  skipSpace();
  if (text.charCodeAt(at) === CLOSE_BRACE) {
    at += 1;
    return path === '' || push(path, '{}');
  }
  for (;;) {
    skipSpace();
    if (text.charCodeAt(at) !== QUOTE) return false;
    const key = parseString();
    if (key === null) return false;
    skipSpace();
    if (text.charCodeAt(at) !== COLON) return false;
    at += 1;
    skipSpace();
    const name = key === '' ? '[""]' : key;
    const full = path === '' ? name : `${path}.${name}`;
    if (!within('maxFieldLength', full.length)) return false;
    if (!parseValue(full, depth)) return false;
    skipSpace();
    const next = text.charCodeAt(at);
    at += 1;
    if (next === COMMA) continue;
    return next === CLOSE_BRACE;
  }
}

function parseArray(path: string, depth: number): boolean {
  if (!within('maxDepth', depth)) return false;
  at += 1;
  skipSpace();
  if (text.charCodeAt(at) === CLOSE_BRACKET) {
    at += 1;
    return path === '' || push(path, '[]');
  }
  for (let index = 0; ; index++) {
    skipSpace();
    const full = `${path}[${index}]`;
    if (!within('maxFieldLength', full.length)) return false;
    if (!parseValue(full, depth)) return false;
    skipSpace();
    const next = text.charCodeAt(at);
    at += 1;
    if (next === COMMA) continue;
    return next === CLOSE_BRACKET;
  }
}

/** The string at the cursor, which stands on its quote; null when it is broken or holds half a surrogate pair. */
function parseString(): string | null {
  const start = at + 1;
  let escaped = false;
  for (let i = start; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      at = i + 1;
      return escaped ? unescaped(text.slice(start - 1, at)) : text.slice(start, i);
    }
    if (c === BACKSLASH) {
      escaped = true;
      i += 1;
    } else if (c < 0x20) return null;
  }
  return null;
}

function unescaped(literal: string): string | null {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' && isWellFormed(value) ? value : null;
  } catch {
    return null;
  }
}

function isWellFormed(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < 0xd800 || c > 0xdfff) continue;
    const next = value.charCodeAt(i + 1);
    if (c > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    i += 1;
  }
  return true;
}

/** A JSON number; undefined when there is none at the cursor, or it is infinite as a double. */
function parseNumber(): number | ExactInteger | undefined {
  const start = at;
  if (text.charCodeAt(at) === MINUS) at += 1;
  const firstDigit = at;
  skipDigits();
  if (at === firstDigit || (text.charCodeAt(firstDigit) === ZERO && at - firstDigit > 1)) return undefined;
  let whole = true;
  if (text.charCodeAt(at) === DOT) {
    whole = false;
    at += 1;
    const firstDecimal = at;
    skipDigits();
    if (at === firstDecimal) return undefined;
  }
  const e = text.charCodeAt(at);
  if (e === LOWER_E || e === UPPER_E) {
    whole = false;
    at += 1;
    const sign = text.charCodeAt(at);
    if (sign === MINUS || sign === PLUS) at += 1;
    const firstPower = at;
    skipDigits();
    if (at === firstPower) return undefined;
  }
  const token = text.slice(start, at);
  const value = Number(token);
  if (whole && !Number.isSafeInteger(value))
    return within('maxTextLength', token.length) ? { exact: token } : undefined;
  return Number.isFinite(value) ? value : undefined;
}

function skipDigits(): void {
  for (;;) {
    const c = text.charCodeAt(at);
    if (!(c >= ZERO && c <= NINE)) return;
    at += 1;
  }
}

function parseWord(word: string): boolean {
  if (!text.startsWith(word, at)) return false;
  at += word.length;
  return true;
}

function push(path: string, value: DecodedValue): boolean {
  pathsLeft -= 1;
  if (!within('maxPaths', limits.maxPaths - pathsLeft)) return false;
  fields.push(path === '' ? VALUE_FIELD : path);
  values.push(value);
  return true;
}

/** False, and noted, when the payload is beyond a bound. */
function within(bound: DecodeBound, amount: number): boolean {
  if (amount <= limits[bound]) return true;
  beyond = bound;
  return false;
}

function skipSpace(): void {
  for (;;) {
    const c = text.charCodeAt(at);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
    at += 1;
  }
}

/** Only white space is left, and NULs of a careless sprintf. */
function atEnd(): boolean {
  skipSpace();
  while (at < text.length && text.charCodeAt(at) === 0) at += 1;
  return at === text.length;
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const LOWER_F = 0x66;
const LOWER_N = 0x6e;
const LOWER_T = 0x74;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
