import { describe, expect, it } from 'vitest';
import { ALL_TOPICS } from '../rules.ts';
import type { CheckPool } from '../tokens/check-pool.ts';
import { decoyHash, hashSecret } from '../tokens/secret-hash.ts';
import type { Token } from '../tokens/token.ts';
import type { TokenReader } from '../tokens/token-reader.ts';
import { createVerifiedCache } from '../tokens/verified-cache.ts';
import { tokenAuthenticator } from './token.ts';

const token = async (key: string, secret: string): Promise<Token> => ({
  key,
  secret: await hashSecret(secret),
  scram: [],
  namespace: 'default',
  permission: 'full',
  description: '',
  createdAt: '2026-01-01T00:00:00.000Z',
});

function authenticator(tokens: readonly Token[], pool: CheckPool) {
  const reader: TokenReader = {
    get: (key) => tokens.find((one) => one.key === key),
    size: () => tokens.length,
    decoySecret: () => null,
    refresh: () => false,
    broken: () => false,
    onEnded: () => {},
    close: () => {},
  };
  const cache = createVerifiedCache<Token>(100);
  const sign = tokenAuthenticator({
    reader,
    pool,
    cache,
    principalOf: ({ key }) => ({ name: key, kind: 'token', world: 'default', rules: ALL_TOPICS }),
  });
  return (username: string, password: string, address = '192.168.1.7') =>
    sign({
      clientId: 'esp-1',
      username,
      password: Buffer.from(password),
      remote: { address, port: 1, transport: 'tcp', local: false },
    });
}

/** Counts the checks that run through it. */
function countingPool(): CheckPool & { readonly addresses: string[] } {
  const addresses: string[] = [];
  return {
    addresses,
    waiting: () => 0,
    run: (address, check) => {
      addresses.push(address);
      return check();
    },
  };
}

describe('the token authenticator', () => {
  it('checks a pair once for a classroom that comes with it at once', async () => {
    const pool = countingPool();
    const sign = authenticator([await token('tempSensors', 'mySecret')], pool);
    const decisions = await Promise.all(Array.from({ length: 5000 }, async () => sign('tempSensors', 'mySecret')));
    expect(decisions.every((decision) => decision?.ok)).toBe(true);
    expect(pool.addresses).toHaveLength(1);
  });

  it('answers a storm of devices that it knows without a promise each', async () => {
    const sign = authenticator([await token('tempSensors', 'mySecret')], countingPool());
    await sign('tempSensors', 'mySecret');
    const before = performance.now();
    for (let at = 0; at < 10_000; at++) expect(sign('tempSensors', 'mySecret')).toMatchObject({ ok: true });
    // Microseconds each; scrypt alone would take minutes. Generous, since other tests share the machine.
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('says that it is busy, not that the secret is wrong, when the pool has no room', async () => {
    const full: CheckPool = { run: () => null, waiting: () => 512 };
    const decision = authenticator([await token('tempSensors', 'mySecret')], full)('tempSensors', 'mySecret');
    expect(decision).toMatchObject({ ok: false, reason: 'unavailable' });
  });

  it('gives an unknown key the same check as a wrong secret, under the address of who asks', async () => {
    const pool = countingPool();
    const sign = authenticator([await token('tempSensors', 'mySecret')], pool);
    expect(await sign('tempSensors', 'wrong', '10.0.0.1')).toMatchObject({ ok: false, reason: 'bad-credentials' });
    expect(await sign('nobody-here', 'wrong', '10.0.0.2')).toMatchObject({ ok: false, reason: 'bad-credentials' });
    expect(pool.addresses).toEqual(['10.0.0.1', '10.0.0.2']);
    const { salt: _s, hash: _h, ...cost } = decoyHash();
    expect(await hashSecret('mySecret')).toMatchObject(cost);
  });

  it('is unavailable, and lets nobody in, when a check fails', async () => {
    const broken: CheckPool = { run: () => Promise.reject(new Error('no memory')), waiting: () => 0 };
    const sign = authenticator([await token('tempSensors', 'mySecret')], broken);
    expect(await sign('tempSensors', 'mySecret')).toMatchObject({ ok: false, reason: 'unavailable' });
  });

  it('names a refused key in a line that no key can break', async () => {
    const decision = await authenticator([], countingPool())('evil\n12:00 info all is well', 'x');
    expect(decision?.ok === false && decision.detail).not.toContain('\n');
  });
});
