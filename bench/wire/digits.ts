/** Writes `value` (0 <= value < 10^8) as exactly eight decimal digits. */
export function putEight(into: Uint8Array, at: number, value: number): void {
  let rest = value | 0;
  for (let i = at + 7; i >= at; i -= 1) {
    const next = (rest / 10) | 0;
    into[i] = 48 + (rest - next * 10);
    rest = next;
  }
}

/** Reads exactly eight decimal digits; NaN when one of them is none. */
export function getEight(from: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 8; i += 1) {
    const digit = from[i]! - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
