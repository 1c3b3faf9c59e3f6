/** Text of up to this many bytes is taken by a loop when it is ASCII, which is cheaper than a TextDecoder call. */
const SHORT = 48;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes from `start` to `end` as text, or null when they are no UTF-8. A byte order mark stays in the text. */
export function textFromBytes(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start <= SHORT) {
    let text = '';
    let at = start;
    for (; at < end; at++) {
      const c = bytes[at]!;
      if (c > 0x7f) break;
      text += String.fromCharCode(c);
    }
    if (at === end) return text;
  }
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    return null;
  }
}
