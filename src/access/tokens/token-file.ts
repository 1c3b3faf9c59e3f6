import { randomBytes, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { messageOf, OperatorError, syncFolder, systemCode, takeLock } from '../../base/index.ts';
import { SCRAM_MECHANISMS, scramMechanism } from '../scram/mechanism.ts';
import type { Token } from './token.ts';

export type Tokens = ReadonlyMap<string, Token>;

export type TokenFile = {
  readonly tokens: Tokens;
  /** Base64; null in a file of version 1, and where there is no file. Keys that nobody has get their salts from it. */
  readonly decoySecret: string | null;
};

/** The token file of a data folder. */
export function tokenFileOf(dataFolder: string): string {
  return join(dataFolder, 'tokens.json');
}

const FORMAT = 'sonde-tokens';
/** 1 had neither keys for SCRAM nor the secret for decoys. */
const VERSION = 2;
const DECOY_SECRET_BYTES = 32;
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 25;

const base64 = z.base64().min(20).max(200);

// The upper bounds keep a damaged or hostile file from asking for gigabytes at the first sign-in.
const secretSchema = z.strictObject({
  algorithm: z.literal('scrypt-sha512'),
  N: z
    .int()
    .min(1024)
    .max(1 << 18)
    .refine((n) => (n & (n - 1)) === 0, 'is not a power of two'),
  r: z.int().min(1).max(16),
  p: z.int().min(1).max(4),
  salt: base64,
  hash: base64,
});

// RFC 7677 asks for 4096 iterations at least; the upper bound keeps a client from computing for minutes.
const scramSchema = z
  .strictObject({
    mechanism: z.enum(SCRAM_MECHANISMS.map(({ name }) => name)),
    iterations: z.int().min(4096).max(10_000_000),
    salt: base64,
    storedKey: base64,
    serverKey: base64,
  })
  .refine(({ mechanism, storedKey, serverKey }) => {
    const bytes = scramMechanism(mechanism)?.bytes;
    return [storedKey, serverKey].every((key) => Buffer.from(key, 'base64').length === bytes);
  }, 'a key is not as long as its mechanism asks');

const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal([1, VERSION]),
  decoySecret: base64.nullable().default(null),
  tokens: z.array(
    z.strictObject({
      key: z.string().min(1).max(128),
      secret: secretSchema,
      scram: z.array(scramSchema).max(8).default([]),
      namespace: z.string().min(1).max(128),
      permission: z.enum(['full', 'read-only']),
      description: z.string().max(200),
      createdAt: z.string().max(40),
    }),
  ),
  sum: z.string().optional(),
});

/** CRC-32 of what the file says without it, however it is laid out. */
function sumOf(content: object): string {
  return crc32(JSON.stringify(content)).toString(16).padStart(8, '0');
}

/** Of one that carries no checksum, since it is older or was edited by hand, nothing is known. */
function isAsWritten({ sum, ...content }: { readonly sum?: unknown }): boolean {
  return sum === undefined || sum === sumOf(content);
}

/** Reads the file; no file is no tokens. A file that cannot be read or trusted is an OperatorError, never "no tokens". */
export function readTokenFile(file: string): TokenFile {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { tokens: new Map(), decoySecret: null };
    throw unreadable(file, messageOf(error), error);
  }
  return parseTokens(file, text);
}

function parseTokens(file: string, text: string): TokenFile {
  if (text.trim() === '') throw unreadable(file, 'it is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(file, 'it is no JSON', error);
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > VERSION) {
    throw new OperatorError(
      `the token file ${file} has version ${version}, this Sonde reads up to ${VERSION}`,
      'Start the newer Sonde that wrote it.',
    );
  }
  if (typeof value === 'object' && value !== null && !isAsWritten(value)) {
    throw new OperatorError(
      `the token file ${file} cannot be used: it is not what was written (its checksum)`,
      'Restore it from a backup. If somebody edited it by hand, remove its "sum".',
    );
  }
  const checked = fileSchema.safeParse(value);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw unreadable(
      file,
      `${issue?.path.join('.') || 'its content'}: ${issue?.message ?? 'is not what it should be'}`,
    );
  }
  const tokens = new Map<string, Token>();
  for (const token of checked.data.tokens) {
    if (tokens.has(token.key)) throw unreadable(file, `the key ${JSON.stringify(token.key)} stands in it twice`);
    tokens.set(token.key, token);
  }
  return { tokens, decoySecret: checked.data.decoySecret };
}

function unreadable(file: string, why: string, cause?: unknown): OperatorError {
  return new OperatorError(
    `the token file ${file} cannot be used: ${why}`,
    'Restore it from a backup, or move it away and create new tokens.',
    { cause },
  );
}

/**
 * Changes the file under its lock: reads it, lets `change` answer the new tokens (or null for no change), and replaces it
 * atomically. Safe beside a running server and other commands. Waits at most 5 s for another writer.
 */
export async function changeTokenFile(file: string, change: (tokens: Tokens) => Tokens | null): Promise<void> {
  const release = await lockForWriting(file);
  try {
    const { tokens, decoySecret } = readTokenFile(file);
    const next = change(tokens);
    if (next !== null) await replaceFile(file, serialize(next, decoySecret));
  } catch (error) {
    throw asOperatorError(file, error);
  } finally {
    release();
  }
}

async function lockForWriting(file: string): Promise<() => void> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    let result: ReturnType<typeof takeLock>;
    try {
      result = takeLock(`${file}.lock`);
    } catch (error) {
      throw asOperatorError(file, error);
    }
    if (result.held) return result.release;
    if (performance.now() > deadline) {
      const who = result.holder === null ? 'another process' : `process ${result.holder.pid} on ${result.holder.host}`;
      throw new OperatorError(
        `${who} has been writing ${file} for more than ${LOCK_WAIT_MS / 1000} s`,
        `Try again; if no such process runs, remove ${file}.lock.`,
      );
    }
    await sleep(LOCK_RETRY_MS);
  }
}

function asOperatorError(file: string, error: unknown): OperatorError {
  if (error instanceof OperatorError) return error;
  return new OperatorError(
    `cannot write ${file}: ${messageOf(error)}`,
    'Check the folder, its permissions and the free space.',
    { cause: error },
  );
}

function serialize(tokens: Tokens, decoySecret: string | null): string {
  const content = {
    format: FORMAT,
    version: VERSION,
    decoySecret: decoySecret ?? randomBytes(DECOY_SECRET_BYTES).toString('base64'),
    tokens: [...tokens.values()],
  };
  return `${JSON.stringify({ ...content, sum: sumOf(content) }, null, 2)}\n`;
}

/** Old or new content after a crash at any point, never half of it; readable by nobody else. */
async function replaceFile(file: string, text: string): Promise<void> {
  const draft = join(dirname(file), `.${basename(file)}.${randomUUID()}.tmp`);
  try {
    const handle = await fs.promises.open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await giveToOwner(handle, dirname(file));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await renameOver(draft, file);
  } catch (error) {
    fs.rmSync(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/** With sudo, beside a server that runs as somebody else: the server must still be able to read its file. */
async function giveToOwner(handle: fs.promises.FileHandle, folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await fs.promises.stat(folder);
  await handle.chown(uid, gid);
}

async function renameOver(draft: string, file: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await fs.promises.rename(draft, file);
      return;
    } catch (error) {
      // Windows refuses while a virus scanner or a reader has the file open for a moment.
      const code = systemCode(error);
      if (attempt === 10 || (code !== 'EPERM' && code !== 'EACCES' && code !== 'EBUSY')) throw error;
      if (process.platform !== 'win32') throw error;
      await sleep(20 * attempt);
    }
  }
}
