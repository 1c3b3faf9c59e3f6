import { createHmac, randomBytes } from 'node:crypto';
import type { CertificateIdentity } from '../../certificates/index.ts';
import type { AuthExchange, AuthStep, Decision, Principal } from '../port.ts';
import type { FailureBrake } from '../scram/failure-brake.ts';
import { SCRAM_ITERATIONS, SCRAM_SALT_BYTES, type ScramKeys } from '../scram/keys.ts';
import { type ScramMechanism, scramMechanism } from '../scram/mechanism.ts';
import { isFault, type ScramFault } from '../scram/messages.ts';
import { answerFinal, answerFirst, type ServerFirst } from '../scram/server.ts';
import type { Token } from '../tokens/token.ts';
import type { TokenReader } from '../tokens/token-reader.ts';
import { certificateRefusal } from './certificate.ts';

export type ScramAuthenticatorParts = {
  readonly reader: TokenReader;
  readonly brake: FailureBrake;
  /** Null: the token's namespace does not exist. */
  readonly principalOf: (token: Token, clientId: string) => Principal | null;
  /** Printable, without a comma, new each time; a test gives its own. */
  readonly nonce?: () => string;
};

/** Who begins an exchange, as far as CONNECT says it. */
export type ExchangeStart = {
  readonly clientId: string;
  readonly username: string | null;
  readonly address: string;
  /** Of TLS, where the client brought one. */
  readonly certificate?: CertificateIdentity | undefined;
};

/**
 * SCRAM (RFC 5802, RFC 7677) as an authentication method of MQTT 5.0: the name is a token's key. Costs the server some
 * microseconds, so it answers at once. Null: the method is none of these.
 *
 * An exchange for a key that nobody has looks like any other up to its end: its salt stays the same as long as the token
 * file does, and the work is the same.
 */
export function scramAuthenticator(parts: ScramAuthenticatorParts) {
  const ownSecret = randomBytes(32);
  const nonce = parts.nonce ?? (() => randomBytes(18).toString('base64'));
  const decoy = (mechanism: ScramMechanism, name: string): ScramKeys => {
    const made = createHmac('sha512', parts.reader.decoySecret() ?? ownSecret);
    const salt = made.update(`${mechanism.name}:${name}`).digest().subarray(0, SCRAM_SALT_BYTES);
    return {
      mechanism: mechanism.name,
      iterations: SCRAM_ITERATIONS,
      salt: salt.toString('base64'),
      storedKey: randomBytes(mechanism.bytes).toString('base64'),
      serverKey: randomBytes(mechanism.bytes).toString('base64'),
    };
  };
  return (method: string, start: ExchangeStart): AuthExchange | null => {
    const mechanism = scramMechanism(method);
    return mechanism && openExchange(parts, mechanism, start, nonce, (name) => decoy(mechanism, name));
  };
}

function openExchange(
  { reader, brake, principalOf }: ScramAuthenticatorParts,
  mechanism: ScramMechanism,
  start: ExchangeStart,
  nonce: () => string,
  decoyOf: (name: string) => ScramKeys,
): AuthExchange {
  let asked = false;
  let first: ServerFirst | null = null;
  let token: Token | undefined;

  const keysOf = (name: string): ScramKeys => {
    // Looked at for every name, so that a known one is not answered sooner.
    reader.refresh();
    token = reader.get(name);
    const invented = decoyOf(name);
    return token?.scram.find((keys) => keys.mechanism === mechanism.name) ?? invented;
  };

  const begin = (data: Uint8Array | null): AuthStep => {
    // Asked first: nothing is computed for whom no secret would help.
    const refused = certificateRefusal(start.certificate, start.username);
    if (refused !== null) return refuse(refused.reason, `${mechanism.name}: ${refused.detail}`); // [MQTT-4.12.0-4]
    if (data === null || data.length === 0) {
      if (asked) return refuse('not-authorized', `${mechanism.name}: no first message came`);
      // A client may leave it out of CONNECT; then it is asked for (RFC 4422, 5.1).
      asked = true;
      return { do: 'continue', data: null };
    }
    if (!brake.allows(start.address)) {
      return refuse('unavailable', `${mechanism.name}: too many sign-ins of ${start.address} failed just now`);
    }
    const answer = answerFirst(data, nonce(), keysOf);
    if (isFault(answer)) return malformed(mechanism, answer);
    if (reader.broken()) return refuse('unavailable', 'the token file cannot be used');
    if (start.username !== null && start.username !== '' && start.username !== answer.name) {
      return refuse('bad-credentials', `${mechanism.name}: the user name of CONNECT is not that of the first message`);
    }
    const other = certificateRefusal(start.certificate, answer.name);
    if (other !== null) return refuse(other.reason, `${mechanism.name}: ${other.detail}`); // [MQTT-4.12.0-4]
    first = answer;
    return { do: 'continue', data: Buffer.from(answer.message) };
  };

  const finish = (opened: ServerFirst, data: Uint8Array | null): AuthStep => {
    if (data === null) return refuse('not-authorized', `${mechanism.name}: no last message came`);
    // Again: many exchanges may have been opened before the first of them failed.
    if (!brake.allows(start.address)) {
      return refuse('unavailable', `${mechanism.name}: too many sign-ins of ${start.address} failed just now`);
    }
    const answer = answerFinal(mechanism, opened, data);
    const shown = JSON.stringify(opened.name);
    if (isFault(answer)) {
      brake.failed(start.address);
      if (answer.fault !== 'invalid-proof') return malformed(mechanism, answer);
      if (token === undefined) return refuse('bad-credentials', `${mechanism.name}: no token has the key ${shown}`);
      if (token.scram.length === 0) return refuse('bad-credentials', withoutKeys(mechanism, token));
      return refuse('bad-credentials', `${mechanism.name}: wrong secret for the token ${shown}`);
    }
    // Asked again, since a token may have been revoked while the answer was on its way.
    reader.refresh();
    if (token === undefined || reader.get(token.key) !== token) {
      return refuse('bad-credentials', `${mechanism.name}: the token ${shown} was revoked or changed meanwhile`);
    }
    const principal = principalOf(token, start.clientId);
    if (principal === null) {
      return refuse('not-authorized', `the namespace ${token.namespace} of the token ${token.key} does not exist`);
    }
    return { do: 'end', decision: { ok: true, principal }, data: Buffer.from(answer.message) };
  };

  return { next: (data) => (first === null ? begin(data) : finish(first, data)) };
}

function withoutKeys(mechanism: ScramMechanism, { key }: Token): string {
  return (
    `${mechanism.name}: the token ${JSON.stringify(key)} has no keys for SCRAM, only a password: ` +
    `give it one anew (sonde token rotate ${key}, with --secret for the same one)`
  );
}

/** What is wrong with the message itself; says nothing about who exists. */
function malformed(mechanism: ScramMechanism, { fault, why }: ScramFault): AuthStep {
  return refuse('not-authorized', `${mechanism.name}: ${why} (${fault})`);
}

function refuse(reason: Extract<Decision, { ok: false }>['reason'], detail: string): AuthStep {
  return { do: 'end', decision: { ok: false, reason, detail }, data: null };
}
