/** Bare numbers: `22.25`, `-3`, `1e3`, `+5`, ` 22.50\r\n`, `021.5`, and one NUL-terminated by a careless sprintf. */

const LONGEST_NUMBER = 1024;

/** Powers of ten that a double holds exactly: a mantissa of up to 15 digits divided by one of them rounds right. */
const POWERS = Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));

/**
 * The number that the bytes from `start` to `end` spell, or NaN when they are no bare number, or one that a double does
 * not hold (an integer beyond 2^53, `1e999`). Allocates nothing for up to 15 digits without an exponent.
 */
export function numberFromBytes(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  let to = end;
  while (from < to && isSpace(bytes[from]!)) from += 1;
  while (to > from && (isSpace(bytes[to - 1]!) || bytes[to - 1] === 0)) to -= 1;
  if (from === to || to - from > LONGEST_NUMBER) return Number.NaN;

  let at = from;
  const sign = bytes[at];
  if (sign === MINUS || sign === PLUS) at += 1;

  let mantissa = 0;
  const firstDigit = at;
  for (; at < to; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) break;
    mantissa = mantissa * 10 + digit;
  }
  let digits = at - firstDigit;
  let decimals = 0;
  let whole = true;
  if (bytes[at] === DOT && at < to) {
    whole = false;
    at += 1;
    const firstDecimal = at;
    for (; at < to; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      mantissa = mantissa * 10 + digit;
    }
    decimals = at - firstDecimal;
    digits += decimals;
  }
  if (digits === 0) return Number.NaN;
  if (at === to && digits <= 15) {
    const value = decimals === 0 ? mantissa : mantissa / POWERS[decimals]!;
    return sign === MINUS ? -value : value;
  }

  if (at < to) {
    if (bytes[at] !== UPPER_E && bytes[at] !== LOWER_E) return Number.NaN;
    whole = false;
    at += 1;
    if (at < to && (bytes[at] === MINUS || bytes[at] === PLUS)) at += 1;
    const firstPower = at;
    while (at < to && bytes[at]! >= ZERO && bytes[at]! <= NINE) at += 1;
    if (at < to || at === firstPower) return Number.NaN;
  }
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  const value = Number(text);
  if (!Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) return Number.NaN;
  return value;
}

/** Whether the text is an integer literal, whatever its size; surrounding white space is not allowed for. */
export function isIntegerText(text: string): boolean {
  return text.length <= LONGEST_NUMBER && /^[+-]?[0-9]+$/.test(text);
}

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const UPPER_E = 0x45;
const LOWER_E = 0x65;
