import { isUtf8 } from 'node:buffer';

/**
 * The text of buf[start..end), or null when it is not well-formed UTF-8 or holds U+0000 [MQTT-1.5.4-1, MQTT-1.5.4-2].
 * A byte order mark is kept as U+FEFF [MQTT-1.5.4-3]. ASCII takes a short way.
 */
export function readUtf8(buf: Buffer, start: number, end: number): string | null {
  let ascii = true;
  for (let at = start; at < end; at++) {
    const byte = buf[at]!;
    if (byte === 0) return null;
    if (byte > 0x7f) ascii = false;
  }
  if (ascii) return buf.toString('latin1', start, end);
  // isUtf8 also refuses surrogates and overlong forms, which toString would turn into U+FFFD
  return isUtf8(buf.subarray(start, end)) ? buf.toString('utf8', start, end) : null;
}
