import { randomBytes } from 'node:crypto';
import { OperatorError } from '../../base/index.ts';
import type { ScramKeys } from '../scram/keys.ts';
import type { SecretHash } from './secret-hash.ts';

export type Permission = 'full' | 'read-only';

/** A token as it is kept. Never holds the secret itself. */
export type Token = {
  readonly key: string;
  readonly secret: SecretHash;
  /** For signing in by SCRAM, one a mechanism. Empty: made before Sonde knew it, or of a secret that it does not allow. */
  readonly scram: readonly ScramKeys[];
  readonly namespace: string;
  readonly permission: Permission;
  readonly description: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
};

const MIN_CHARACTERS = 8;
const MAX_CHARACTERS = 128;
const MAX_DESCRIPTION = 200;

/** Names that logs use for somebody else, or that objects have by themselves. */
const RESERVED_KEYS = new Set(['anonymous', 'everyone', '__proto__', 'constructor', 'prototype']);

/** Why a key may not be used, or null. A key is also a level in topic rules (`%u`), so it holds no wildcard or slash. */
export function keyFault(key: string): string | null {
  if (key.length < MIN_CHARACTERS) return `a key needs at least ${MIN_CHARACTERS} characters`;
  if (key.length > MAX_CHARACTERS) return `a key has at most ${MAX_CHARACTERS} characters`;
  if (!/^[A-Za-z0-9._~@-]+$/.test(key)) return 'a key is made of letters, digits and . _ ~ @ -';
  if (RESERVED_KEYS.has(key)) return `the key ${key} is reserved`;
  return null;
}

/** Why a secret may not be used, or null. */
export function secretFault(secret: string): string | null {
  if (secret.length < MIN_CHARACTERS) return `a secret needs at least ${MIN_CHARACTERS} characters`;
  if (secret.length > MAX_CHARACTERS) return `a secret has at most ${MAX_CHARACTERS} characters`;
  if (/\p{Cc}|\p{Cs}/u.test(secret)) return 'a secret holds no control characters';
  return null;
}

/** Why a description may not be used, or null. */
export function descriptionFault(description: string): string | null {
  if (description.length > MAX_DESCRIPTION) return `a description has at most ${MAX_DESCRIPTION} characters`;
  if (/\p{Cc}|\p{Cs}/u.test(description)) return 'a description holds no control characters';
  return null;
}

/** Throws an OperatorError for the first fault of a token that somebody wants to create. */
export function checkNewToken(key: string, secret: string, description: string): void {
  const fault = keyFault(key) ?? secretFault(secret) ?? descriptionFault(description);
  if (fault !== null) throw new OperatorError(fault, 'Choose another, or leave it out and one is made.');
}

// 32 symbols, so that a byte's lower five bits choose one without bias. Without 0, 1, l and o, which people misread.
const SYMBOLS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** A key that needs no escaping in a URL and can be typed on a phone: 10 symbols, 50 bits. */
export function generateKey(): string {
  return randomSymbols(10);
}

/** A secret that needs no escaping in a URL: 24 symbols, 120 bits. */
export function generateSecret(): string {
  return randomSymbols(24);
}

function randomSymbols(count: number): string {
  let text = '';
  for (const byte of randomBytes(count)) text += SYMBOLS[byte & 31];
  return text;
}

/** The form that MQTT.js, Arduino and Processing take as it is: `mqtt://key:secret@host:1883`. */
export function tokenUrl(token: { readonly key: string; readonly secret: string }, host: string, port: number): string {
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return `mqtt://${encodeURIComponent(token.key)}:${encodeURIComponent(token.secret)}@${shownHost}:${port}`;
}
