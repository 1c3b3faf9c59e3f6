import { readFileSync } from 'node:fs';
import type { Packet } from '../packet.ts';
import type { Version } from '../packet-type.ts';

/**
 * Byte fixtures are text, so that a program in any language can run them. A fixture is `== name`, `version N`, then
 * `packet JSON` (with `{"hex": ".."}` or `{"text": ".."}` for bytes) or `fault 0xNN text`, perhaps `one-way` when the
 * bytes are not the form that we send, and lines of bytes with `|` before the comment: hex pairs and 'text'.
 */
export type Fixture = {
  readonly name: string;
  readonly version: Version;
  readonly bytes: Buffer;
  /** The packet that the bytes are not encoded from, since there is a shorter form. */
  readonly oneWay: boolean;
  readonly packet: Packet | null;
  readonly fault: { readonly reason: number; readonly text: string } | null;
};

/** The fixtures of src/codec/fixtures/<file>.txt in their order. */
export function readFixtures(file: string): readonly Fixture[] {
  const text = readFileSync(new URL(`../fixtures/${file}.txt`, import.meta.url), 'utf8');
  return text
    .split(/^== /m)
    .slice(1)
    .map((block) => readFixture(block.split('\n')));
}

function readFixture(lines: readonly string[]): Fixture {
  const name = lines[0] ?? '';
  let version: Version = 4;
  let oneWay = false;
  let packet: Packet | null = null;
  let fault: Fixture['fault'] = null;
  const bytes: Buffer[] = [];
  for (const line of lines.slice(1)) {
    const [word = '', rest = ''] = splitOnce(line, ' ');
    if (word === '' || word === '#') continue;
    if (word === 'version') version = Number(rest) as Version;
    else if (word === 'one-way') oneWay = true;
    else if (word === 'packet') packet = JSON.parse(rest, reviveBytes) as Packet;
    else if (word === 'fault') fault = readFault(rest);
    else bytes.push(...readBytes(splitOnce(line, '|')[0] ?? ''));
  }
  return { name, version, bytes: Buffer.concat(bytes), oneWay, packet, fault };
}

function splitOnce(line: string, at: string): string[] {
  const index = line.indexOf(at);
  return index < 0 ? [line] : [line.slice(0, index), line.slice(index + at.length)];
}

function readFault(rest: string): NonNullable<Fixture['fault']> {
  const [code = '', text = ''] = splitOnce(rest, ' ');
  return { reason: Number(code), text };
}

function readBytes(text: string): Buffer[] {
  const words = text.match(/'[^']*'|\S+/g) ?? [];
  return words.map((word) => {
    if (word.startsWith("'")) return Buffer.from(word.slice(1, -1));
    if (!/^[0-9A-F]{2}$/.test(word)) throw new Error(`not a byte: ${word}`);
    return Buffer.from(word, 'hex');
  });
}

function reviveBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('hex' in value) return Buffer.from(String(value.hex), 'hex');
  if ('text' in value) return Buffer.from(String(value.text));
  return value;
}
