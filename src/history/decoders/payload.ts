/** What a decoder makes of one payload. No Node imports in this folder: the web app uses it too. */

/** An integer that a double cannot hold exactly: its digits as they were sent. */
export type ExactInteger = { readonly exact: string };

/** A number, a gap mark (null), text, an integer beyond 2^53, or bytes that are no UTF-8. */
export type DecodedValue = number | null | string | ExactInteger | Uint8Array;

/** One row: its fields in the order of the payload, no field twice. */
export type DecodedRow = {
  /** The time that the payload gives for this row, microseconds since 1970 UTC; null: the arrival time holds. */
  readonly timeUs: number | null;
  readonly fields: readonly string[];
  readonly values: readonly DecodedValue[];
};

/** Bounds of decoding. Beyond one of them the whole payload is kept as one text. */
export type DecodeLimits = {
  /** Nested objects and arrays. */
  readonly maxDepth: number;
  /** Values in one payload, over all its rows. */
  readonly maxPaths: number;
  /** UTF-16 units of one string inside a JSON payload. */
  readonly maxTextLength: number;
  /** UTF-16 units of a path such as `a.b[0]`. */
  readonly maxFieldLength: number;
};

export const DECODE_LIMITS: DecodeLimits = {
  maxDepth: 32,
  maxPaths: 1000,
  maxTextLength: 65_536,
  maxFieldLength: 512,
};

/** The bound that a JSON payload is beyond. */
export type DecodeBound = keyof DecodeLimits;

/** The field of a payload that is one value. */
export const VALUE_FIELD = 'value';

/** A row of one value in the field `value`, at the time of arrival. */
export function singleValue(value: DecodedValue): readonly DecodedRow[] {
  return [{ timeUs: null, fields: [VALUE_FIELD], values: [value] }];
}
