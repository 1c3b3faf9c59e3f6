import * as fs from 'node:fs';
import { OperatorError } from '../../base/index.ts';
import { DEFAULT_NAMESPACE, worldOf } from '../namespaces.ts';
import { allScramKeys } from '../scram/keys.ts';
import { hashSecret } from './secret-hash.ts';
import { checkNewToken, generateKey, generateSecret, type Permission, type Token } from './token.ts';
import { changeTokenFile, readTokenFile } from './token-file.ts';

/** What a new token shall be; what is left out is made up. */
export type NewToken = {
  readonly key?: string;
  readonly secret?: string;
  readonly namespace?: string;
  readonly permission?: Permission;
  readonly description?: string;
};

/** The only time that a secret is seen. */
export type CreatedToken = { readonly key: string; readonly secret: string; readonly token: Token };

/** Creates a token in the file. Throws an OperatorError for a key that is taken, and for what may not be used. */
export async function createToken(file: string, wanted: NewToken = {}): Promise<CreatedToken> {
  const created = await makeToken(wanted);
  await changeTokenFile(file, (tokens) => {
    if (tokens.has(created.key)) {
      throw new OperatorError(`the key ${created.key} is taken`, 'Choose another, or revoke that token first.');
    }
    return new Map(tokens).set(created.key, created.token);
  });
  return created;
}

/** Creates the ready token of a first start; null when the file is there already, even without tokens. */
export async function createFirstToken(file: string): Promise<CreatedToken | null> {
  if (fs.existsSync(file)) return null;
  const created = await makeToken({ description: 'made at the first start' });
  let first = false;
  await changeTokenFile(file, () => {
    first = !fs.existsSync(file);
    return first ? new Map([[created.key, created.token]]) : null;
  });
  return first ? created : null;
}

/**
 * Gives a token another secret; what it may do, and its sessions, stay. A running server closes the connections that the
 * old secret opened. Throws an OperatorError for an unknown key, and for a secret that may not be used.
 */
export async function rotateToken(file: string, key: string, secret = generateSecret()): Promise<CreatedToken> {
  const known = readTokenFile(file).tokens.get(key);
  if (known === undefined) throw unknownKey(key);
  checkNewToken(key, secret, known.description);
  const fresh = { secret: await hashSecret(secret), scram: await allScramKeys(secret) };
  let token = { ...known, ...fresh };
  await changeTokenFile(file, (tokens) => {
    // Looked at again: somebody may have revoked it meanwhile.
    const present = tokens.get(key);
    if (present === undefined) throw unknownKey(key);
    token = { ...present, ...fresh };
    return new Map(tokens).set(key, token);
  });
  return { key, secret, token };
}

function unknownKey(key: string): OperatorError {
  return new OperatorError(`there is no token with the key ${JSON.stringify(key)}`, 'See: sonde token list');
}

/** Ends a token; a running server closes its connections within a second. Throws an OperatorError for an unknown key. */
export async function revokeToken(file: string, key: string): Promise<void> {
  await changeTokenFile(file, (tokens) => {
    const next = new Map(tokens);
    if (!next.delete(key)) {
      throw unknownKey(key);
    }
    return next;
  });
}

/** All tokens in the order of their making. */
export function listTokens(file: string): readonly Token[] {
  return [...readTokenFile(file).tokens.values()];
}

async function makeToken(wanted: NewToken): Promise<CreatedToken> {
  const key = wanted.key ?? generateKey();
  const secret = wanted.secret ?? generateSecret();
  const description = wanted.description ?? '';
  const namespace = wanted.namespace ?? DEFAULT_NAMESPACE;
  checkNewToken(key, secret, description);
  if (worldOf(namespace) === null) {
    throw new OperatorError(
      `there is no namespace ${JSON.stringify(namespace)}`,
      `This version has one, ${DEFAULT_NAMESPACE}.`,
    );
  }
  const token: Token = {
    key,
    secret: await hashSecret(secret),
    scram: await allScramKeys(secret),
    namespace,
    permission: wanted.permission ?? 'full',
    description,
    createdAt: new Date().toISOString(),
  };
  return { key, secret, token };
}
