import { describe, expect, it } from 'vitest';
import type { AuthStep } from '../port.ts';
import { ALL_TOPICS } from '../rules.ts';
import { scramClient } from '../scram/client.ts';
import { createFailureBrake } from '../scram/failure-brake.ts';
import { SCRAM_ITERATIONS, type ScramKeys, scramKeys } from '../scram/keys.ts';
import { SCRAM_SHA_256, SCRAM_SHA_512, type ScramMechanism } from '../scram/mechanism.ts';
import { decoyHash } from '../tokens/secret-hash.ts';
import type { Token } from '../tokens/token.ts';
import type { TokenReader } from '../tokens/token-reader.ts';
import { type ExchangeStart, scramAuthenticator } from './scram.ts';

const token = (key: string, scram: readonly ScramKeys[], namespace = 'default'): Token => ({
  key,
  secret: decoyHash(),
  scram,
  namespace,
  permission: 'full',
  description: '',
  createdAt: '2026-01-01T00:00:00.000Z',
});

const keysOf = (mechanism: ScramMechanism, secret: string) =>
  scramKeys(mechanism, secret, Buffer.from('a salt of 16 b..'), 4096);

async function door(tokens?: Token[]) {
  const known = tokens ?? [
    token('tempSensors', [await keysOf(SCRAM_SHA_256, 'mySecret'), await keysOf(SCRAM_SHA_512, 'mySecret')]),
    token('oldSensors', []),
    token('lostSensors', [await keysOf(SCRAM_SHA_256, 'mySecret')], 'gone'),
  ];
  let broken = false;
  let nowMs = 0;
  const reader: TokenReader = {
    get: (key) => known.find((one) => one.key === key),
    size: () => known.length,
    decoySecret: () => 'a secret of the file',
    refresh: () => false,
    broken: () => broken,
    onEnded: () => {},
    close: () => {},
  };
  const brake = createFailureBrake({ burst: 3, perSecond: 1, maxAddresses: 2, nowMs: () => nowMs });
  let serial = 0;
  const begin = scramAuthenticator({
    reader,
    brake,
    nonce: () => `server-${serial++}`,
    principalOf: ({ key, namespace }) =>
      namespace === 'gone' ? null : { name: key, kind: 'token', world: 'default', rules: ALL_TOPICS },
  });
  return {
    known,
    brake,
    begin,
    breakFile: () => {
      broken = true;
    },
    wait: (ms: number) => {
      nowMs += ms;
    },
    signIn: async (
      name: string,
      secret: string,
      more: Partial<ExchangeStart> & { mechanism?: ScramMechanism; between?: () => void } = {},
    ): Promise<{ outcome: string; detail: string; provesItself: boolean; serverFirst: string }> => {
      const mechanism = more.mechanism ?? SCRAM_SHA_256;
      const exchange = begin(mechanism.name, { clientId: 'esp-1', username: null, address: '192.168.1.7', ...more });
      const client = scramClient(mechanism, name, secret, 'client');
      let step = exchange?.next(client.first) as AuthStep;
      let serverFirst = '';
      if (step.do === 'continue') {
        serverFirst = step.data?.toString() ?? '';
        const final = await client.final(step.data ?? Buffer.alloc(0));
        more.between?.();
        step = exchange?.next(final) as AuthStep;
      }
      if (step.do !== 'end') throw new Error('it goes on');
      const { decision } = step;
      return {
        outcome: decision.ok ? decision.principal.name : decision.reason,
        detail: decision.ok ? '' : decision.detail,
        provesItself: step.data !== null && client.isServer(step.data),
        serverFirst,
      };
    },
  };
}

describe('SCRAM with tokens', () => {
  it.each([SCRAM_SHA_256, SCRAM_SHA_512])(
    '$name lets in who knows the secret, and proves itself',
    async (mechanism) => {
      const { signIn } = await door();
      expect(await signIn('tempSensors', 'mySecret', { mechanism })).toMatchObject({
        outcome: 'tempSensors',
        provesItself: true,
      });
      expect(await signIn('tempSensors', 'MySecret', { mechanism })).toMatchObject({
        outcome: 'bad-credentials',
        detail: `${mechanism.name}: wrong secret for the token "tempSensors"`,
        provesItself: false,
      });
    },
  );

  it('knows no other method', async () => {
    const { begin } = await door();
    for (const method of ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256-PLUS', '']) {
      expect(begin(method, { clientId: '', username: null, address: '' })).toBeNull();
    }
  });

  it('asks an unknown key as it asks a known one: the same salt each time, and the end alone tells', async () => {
    const { signIn } = await door();
    const first = await signIn('nobody-here', 'mySecret');
    const again = await signIn('nobody-here', 'mySecret');
    const other = await signIn('nobody-else', 'mySecret');
    const known = await signIn('tempSensors', 'wrong', { address: '10.0.0.1' });
    expect(first.outcome).toBe(known.outcome);
    const saltOf = ({ serverFirst }: { serverFirst: string }) => /,s=([^,]*),/.exec(serverFirst)?.[1] ?? '';
    expect(saltOf(first)).toBe(saltOf(again));
    expect(saltOf(first)).not.toBe(saltOf(other));
    expect(saltOf(first)).toHaveLength(saltOf(known).length);
    expect(first.serverFirst).toContain(`,i=${SCRAM_ITERATIONS}`);
    expect(first.detail).toBe('SCRAM-SHA-256: no token has the key "nobody-here"');
  });

  it('says of a token from before SCRAM that it needs its secret anew', async () => {
    const { signIn } = await door();
    const { outcome, detail } = await signIn('oldSensors', 'mySecret');
    expect(outcome).toBe('bad-credentials');
    expect(detail).toContain('give it one anew (sonde token rotate oldSensors, with --secret for the same one)');
  });

  it('asks for the first message where CONNECT had none, once', async () => {
    const { begin } = await door();
    const exchange = begin('SCRAM-SHA-256', { clientId: '', username: null, address: '' });
    expect(exchange?.next(null)).toEqual({ do: 'continue', data: null });
    expect(exchange?.next(Buffer.alloc(0))).toMatchObject({ do: 'end', decision: { ok: false } });
  });

  it('lets the user name of CONNECT be empty or the same, not another', async () => {
    const { signIn } = await door();
    const outcomes: string[] = [];
    for (const username of ['', 'tempSensors', 'oldSensors']) {
      outcomes.push((await signIn('tempSensors', 'mySecret', { username })).outcome);
    }
    expect(outcomes).toEqual(['tempSensors', 'tempSensors', 'bad-credentials']);
  });

  it('lets nobody in whose certificate is no user, whatever the secret [MQTT-3.1.4-2], [MQTT-4.12.0-4]', async () => {
    const { begin, signIn } = await door();
    const certificate = { ok: false, why: 'the name in it is empty' } as const;
    const refused = await signIn('tempSensors', 'mySecret', { certificate });
    expect(refused).toEqual({
      outcome: 'not-authorized',
      detail: 'SCRAM-SHA-256: its certificate is no user: the name in it is empty',
      provesItself: false,
      serverFirst: '', // at once, before anything is asked
    });
    const asked = begin('SCRAM-SHA-256', { clientId: '', username: null, address: '', certificate });
    expect(asked?.next(null)).toMatchObject({ do: 'end', decision: { ok: false, reason: 'not-authorized' } });
  });

  it('lets a token in beside a certificate of the same name only [MQTT-3.1.4-2], [MQTT-4.12.0-4]', async () => {
    const { signIn } = await door();
    const certificate = { ok: true, user: 'tempSensors' } as const;
    expect((await signIn('tempSensors', 'mySecret', { certificate })).outcome).toBe('tempSensors');
    const other = await signIn('tempSensors', 'mySecret', { certificate: { ok: true, user: 'esp-1' } });
    expect(other).toMatchObject({ outcome: 'bad-credentials', serverFirst: '' });
    expect(other.detail).toBe('SCRAM-SHA-256: user name "tempSensors" with the certificate of "esp-1"');
    const named = await signIn('tempSensors', 'mySecret', { certificate, username: 'oldSensors' });
    expect(named.detail).toBe('SCRAM-SHA-256: user name "oldSensors" with the certificate of "tempSensors"');
  });

  it('does not let in a token that was revoked or made anew between the two messages', async () => {
    const { signIn, known } = await door();
    const { outcome } = await signIn('tempSensors', 'mySecret', { between: () => void known.splice(0, 1) });
    expect(outcome).toBe('bad-credentials');
    const other = await door();
    const anew = { ...(other.known[0] as Token) };
    const late = await other.signIn('tempSensors', 'mySecret', { between: () => void other.known.splice(0, 1, anew) });
    expect(late.detail).toContain('was revoked or changed meanwhile');
  });

  it('lets nobody into a namespace that does not exist, and nobody in while the file is broken', async () => {
    const { signIn, breakFile } = await door();
    expect((await signIn('lostSensors', 'mySecret')).outcome).toBe('not-authorized');
    breakFile();
    expect((await signIn('tempSensors', 'mySecret')).outcome).toBe('unavailable');
  });

  it('lets one address guess so often and no more, then as often as seconds pass, and others go on', async () => {
    const { signIn, wait, brake } = await door();
    for (let n = 0; n < 3; n++) expect((await signIn('tempSensors', 'guess')).outcome).toBe('bad-credentials');
    expect(await signIn('tempSensors', 'mySecret')).toMatchObject({ outcome: 'unavailable', serverFirst: '' });
    expect((await signIn('tempSensors', 'mySecret', { address: '10.0.0.1' })).outcome).toBe('tempSensors');
    wait(1000);
    expect((await signIn('tempSensors', 'guess')).outcome).toBe('bad-credentials');
    expect((await signIn('tempSensors', 'guess')).outcome).toBe('unavailable');
    for (let n = 0; n < 10; n++) brake.failed(`10.0.0.${n}`);
    expect(brake.size()).toBe(2);
  });

  it('counts guesses whose exchanges were all opened before the first failed', async () => {
    const { begin } = await door();
    const open = () => {
      const exchange = begin('SCRAM-SHA-256', { clientId: '', username: null, address: '10.0.0.9' });
      const client = scramClient(SCRAM_SHA_256, 'tempSensors', 'guess', 'client');
      return { exchange, client, step: exchange?.next(client.first) };
    };
    const reasons: string[] = [];
    for (const { exchange, client, step } of Array.from({ length: 5 }, open)) {
      if (step?.do !== 'continue') throw new Error('refused at once');
      const end = exchange?.next(await client.final(step.data ?? Buffer.alloc(0)));
      if (end?.do === 'end' && !end.decision.ok) reasons.push(end.decision.reason);
    }
    expect(reasons).toEqual([...Array(3).fill('bad-credentials'), 'unavailable', 'unavailable']);
  });
});
