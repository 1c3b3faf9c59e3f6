import { readdirSync, readFileSync } from 'node:fs';

/**
 * Streams that were interesting once: those that found a fault in Sonde, and those that did in other brokers. A file is one
 * stream in hexadecimal; `#` begins a remark. Add the stream of a fault that was found.
 */
export function readCorpus(): readonly { readonly name: string; readonly bytes: Buffer }[] {
  const folder = new URL('./corpus/', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.hex'))
    .sort()
    .map((name) => {
      const plain = readFileSync(new URL(name, folder), 'utf8').replace(/#.*$/gm, '').replace(/\s+/g, '');
      if (!/^([0-9a-f]{2})*$/i.test(plain)) throw new Error(`${name} is no hexadecimal`);
      return { name, bytes: Buffer.from(plain, 'hex') };
    });
}
