import { createHash } from 'node:crypto';
import { crc32c } from '../crc32c.ts';

/** LMDB takes keys up to 1978 bytes: a longer one is kept under its beginning and its SHA-256; the value has it whole. */
const MAX_KEY_BYTES = 1500;
/** Checksum and length of the key, before the key. */
const VALUE_HEAD = 8;

/** The key under which LMDB has it. */
export function storedKey(key: string): Buffer {
  const bytes = Buffer.from(key);
  if (bytes.length === 0) return Buffer.from([0]); // LMDB has no empty key, and no name of ours is NUL
  if (bytes.length <= MAX_KEY_BYTES) return bytes;
  const sum = createHash('sha256').update(bytes).digest();
  return Buffer.concat([bytes.subarray(0, MAX_KEY_BYTES), Buffer.from([0]), sum]);
}

/** A value as docs/storage.md has it: with its checksum and its own key. */
export function encodeValue(key: string, value: Uint8Array): Buffer {
  const keyBytes = Buffer.byteLength(key);
  const bytes = Buffer.allocUnsafe(VALUE_HEAD + keyBytes + value.length);
  bytes.writeUInt32LE(keyBytes, 4);
  bytes.write(key, VALUE_HEAD);
  bytes.set(value, VALUE_HEAD + keyBytes);
  bytes.writeUInt32LE(crc32c(bytes, 4, bytes.length), 0);
  return bytes;
}

/** What LMDB has under a key; null when the checksum, or the key, is not its own. The value is a copy. */
export function decodeValue(
  stored: Uint8Array,
  bytes: Buffer,
): { readonly key: string; readonly value: Buffer } | null {
  if (bytes.length < VALUE_HEAD || bytes.readUInt32LE(0) !== crc32c(bytes, 4, bytes.length)) return null;
  const keyEnd = VALUE_HEAD + bytes.readUInt32LE(4);
  if (keyEnd > bytes.length) return null;
  const key = bytes.toString('utf8', VALUE_HEAD, keyEnd);
  return storedKey(key).equals(stored) ? { key, value: Buffer.from(bytes.subarray(keyEnd)) } : null;
}
