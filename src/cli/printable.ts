const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A payload as a line of text that cannot drive a terminal: control characters, and those that turn the direction of
 * writing, are escaped; what is no UTF-8 is shown as `hex:...`.
 */
export function printablePayload(payload: Uint8Array): string {
  try {
    return printableText(strictUtf8.decode(payload));
  } catch {
    return `hex:${Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('hex')}`;
  }
}

/** Text with everything escaped that a terminal would act on. */
export function printableText(text: string): string {
  return text.replace(UNSAFE, (char) => {
    const short = SHORT.get(char);
    if (short !== undefined) return short;
    const code = char.codePointAt(0) ?? 0;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

// Control characters (C0 without tab, DEL, C1), line separators, direction marks and overrides, lone surrogates, BOM.
const UNSAFE = /[^\P{Cc}\t]|[\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

const SHORT = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
]);
