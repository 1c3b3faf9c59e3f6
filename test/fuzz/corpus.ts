import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Input } from './inputs.ts';

const FOLDER = new URL('./corpus/', import.meta.url);

/** What was interesting once: what found a fault in Sonde, and what did in other brokers. */
export type Known = { readonly name: string; readonly inputs: readonly Input[] };

/** One stream in hexadecimal, `#` begins a remark (.hex); or inputs as the fuzzer wrote them, cuts and transport too (.json). */
export function readCorpus(): readonly Known[] {
  return readdirSync(FOLDER)
    .sort()
    .flatMap((name) => {
      const content = () => readFileSync(new URL(name, FOLDER), 'utf8');
      if (name.endsWith('.hex')) return [{ name, inputs: threeWays(bytesOf(name, content())) }];
      if (name.endsWith('.json')) return [{ name, inputs: (JSON.parse(content()) as Written[]).map(read) }];
      return [];
    });
}

/** Writes inputs where they are replayed from then on; returns the file's name. */
export function writeFound(seed: number, first: number, inputs: readonly Input[]): string {
  const name = `found-${seed}-${first}.json`;
  const written = inputs.map((input): Written => ({ ...input, bytes: input.bytes.toString('hex') }));
  writeFileSync(new URL(name, FOLDER), `[\n${written.map((each) => `  ${JSON.stringify(each)}`).join(',\n')}\n]\n`);
  return `test/fuzz/corpus/${name}`;
}

type Written = Omit<Input, 'bytes'> & { readonly bytes: string };

const read = (written: Written): Input => ({ ...written, bytes: Buffer.from(written.bytes, 'hex') });

function bytesOf(name: string, content: string): Buffer {
  const plain = content.replace(/#.*$/gm, '').replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(plain)) throw new Error(`${name} is no hexadecimal`);
  return Buffer.from(plain, 'hex');
}

function threeWays(bytes: Buffer): readonly Input[] {
  const everyByte = Array.from({ length: Math.min(bytes.length, 200) }, (_, at) => at);
  return [
    { bytes, cuts: [], transport: 'tcp' },
    { bytes, cuts: everyByte, transport: 'tcp' },
    { bytes, cuts: [], transport: 'websocket' },
  ];
}
