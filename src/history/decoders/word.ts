import { isIntegerText } from './number.ts';
import { type DecodedRow, singleValue } from './payload.ts';

/** Bare `true` and `false` (1 and 0), `null` (a gap mark) and integers beyond 2^53 (exact); null for all else. */
export function decodeWord(text: string): readonly DecodedRow[] | null {
  if (text.length > 2048) return null;
  const word = trimmed(text);
  if (word === 'true') return singleValue(1);
  if (word === 'false') return singleValue(0);
  if (word === 'null') return singleValue(null);
  if (isIntegerText(word)) return singleValue({ exact: word });
  return null;
}

/** Without the white space that a bare number may have around it, and without NULs at its end. */
function trimmed(text: string): string {
  return text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n\0]+$/, '');
}
