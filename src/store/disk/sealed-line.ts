import { crc32c } from './crc32c.ts';

const SEALED = /^(\{.*),"sum":"([0-9a-f]{8})"\}\n$/s;

/** One line of JSON that carries its own checksum: `sum`, the CRC-32C of the line without it, in hexadecimal. */
export function sealLine(fields: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(fields);
  return `${text.slice(0, -1)},"sum":"${sumOf(text)}"}\n`;
}

/** What a sealed line says; null when it is none, or damaged. */
export function openSealed(line: string): Readonly<Record<string, unknown>> | null {
  const [, start, sum] = SEALED.exec(line) ?? [];
  if (start === undefined || sum !== sumOf(`${start}}`)) return null;
  try {
    return JSON.parse(`${start}}`) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function sumOf(text: string): string {
  const bytes = Buffer.from(text);
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0');
}
