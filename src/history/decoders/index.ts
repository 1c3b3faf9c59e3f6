import { boundOfJson, decodeJson } from './json.ts';
import { numberFromBytes } from './number.ts';
import { DECODE_LIMITS, type DecodeBound, type DecodedRow, type DecodeLimits, singleValue } from './payload.ts';
import { textFromBytes } from './text.ts';
import { decodeWord } from './word.ts';

export { numberFromBytes } from './number.ts';
export type { DecodeBound, DecodedRow, DecodedValue, DecodeLimits, ExactInteger } from './payload.ts';
export { DECODE_LIMITS, VALUE_FIELD } from './payload.ts';
export { textFromBytes } from './text.ts';
export { isoMicroseconds } from './time.ts';

/**
 * What a payload says, in at least one row: a bare number, a bare word, JSON, else its text, else its bytes. Never throws
 * and never drops: what no decoder knows, or what is beyond a limit, is kept whole in the field `value`. `onBound` hears of the latter.
 */
export function decodePayload(
  bytes: Uint8Array,
  start: number,
  end: number,
  arrivedUs: number,
  limits: DecodeLimits = DECODE_LIMITS,
  onBound?: (bound: DecodeBound) => void,
): readonly DecodedRow[] {
  const number = numberFromBytes(bytes, start, end);
  if (!Number.isNaN(number)) return singleValue(number);
  const text = textFromBytes(bytes, start, end);
  if (text === null) return singleValue(bytes.slice(start, end));
  const rows = decodeWord(text) ?? decodeJson(text, arrivedUs, limits);
  if (rows !== null) return rows;
  const bound = boundOfJson();
  if (bound !== null) onBound?.(bound);
  return singleValue(text);
}
