import { isUtf8 } from 'node:buffer';
import type { Leaf } from './topic-index.ts';
import type { Node } from './topic-tree.ts';

/** One child in a frame of `$sonde/tree`. `at` and the payload are those of the topic itself, not of what is below. */
export function treeRow(node: Node): string {
  const counts = `"children":${node.children?.size ?? 0},"topics":${node.topics},"messages":${node.messages}`;
  const names = `"name":${JSON.stringify(node.level)},"topic":${JSON.stringify(node.text)}`;
  const leaf = node.leaf;
  if (leaf === null) {
    return `{${names},"own":false,${counts},"payload":null,"bytes":0,"binary":false,"retained":false,"at":null}`;
  }
  return `{${names},"own":true,${counts},${payloadOf(leaf)},"retained":${leaf.retained},"at":${leaf.atUs}}`;
}

/** One topic in a frame of `$sonde/values`. */
export function valueRow(leaf: Leaf): string {
  const name = JSON.stringify(leaf.name);
  return `{"topic":${name},${payloadOf(leaf)},"retained":${leaf.retained},"messages":${leaf.messages},"at":${leaf.atUs}}`;
}

/** The preview as text where it is UTF-8 (as far as it goes), else as base64. */
function payloadOf(leaf: Leaf): string {
  const { preview } = leaf;
  const whole = leaf.bytes > preview.length ? preview.subarray(0, wholeCharacters(preview)) : preview;
  if (isUtf8(whole)) return `"payload":${JSON.stringify(whole.toString())},"bytes":${leaf.bytes},"binary":false`;
  return `"payload":"${preview.toString('base64')}","bytes":${leaf.bytes},"binary":true`;
}

/** Bytes up to the last border of a character, in UTF-8 that was cut somewhere. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if ((byte & 0xc0) === 0x80) continue; // in the middle of a character
    const length = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
