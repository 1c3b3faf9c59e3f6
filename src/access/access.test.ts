import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogFields, Logger } from '../base/index.ts';
import type { CertificateIdentity } from '../certificates/index.ts';
import { type AccessControl, type AccessOptions, createAccess } from './access.ts';
import type { Credentials, Decision, Principal } from './port.ts';
import { isSamePrincipal } from './same-principal.ts';
import { createToken, revokeToken, rotateToken } from './tokens/manage.ts';

let folder: string;
let tokenFile: string;
let lookAtFile: () => void;
let logged: string[];
const opened: AccessControl[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-access-'));
  tokenFile = join(folder, 'tokens.json');
  lookAtFile = () => {
    throw new Error('nothing looks at the file');
  };
  logged = [];
});
afterEach(() => {
  for (const access of opened.splice(0)) access.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const note = (_: LogFields, text: string): void => void logged.push(text);
const logger: Logger = { debug: note, info: note, warn: note, error: note };

function open(options: Partial<AccessOptions> = {}): AccessControl {
  const access = createAccess({
    tokenFile,
    anonymous: 'local',
    rules: [],
    logger,
    // The test decides when the file is looked at.
    repeat: (work) => {
      lookAtFile = work;
      return () => {};
    },
    ...options,
  });
  opened.push(access);
  return access;
}

function credentials(username: string | null, password: string | null, more: Partial<Credentials> = {}): Credentials {
  return {
    clientId: 'esp-1',
    username,
    password: password === null ? null : Buffer.from(password),
    remote: { address: '192.168.1.7', port: 50_000, transport: 'tcp', local: false },
    ...more,
  };
}

const here = { remote: { address: '127.0.0.1', port: 50_000, transport: 'tcp', local: true } } as const;

function outcome(decision: Decision): string {
  return decision.ok ? decision.principal.name : decision.reason;
}

async function ask(access: AccessControl, ...given: Parameters<typeof credentials>): Promise<string> {
  return outcome(await access.authenticate(credentials(...given)));
}

/** As its owner may: without the checksum. */
function editByHand(edit: (content: object) => object): void {
  const { sum: _, ...content } = JSON.parse(fs.readFileSync(tokenFile, 'utf8')) as { sum: string };
  fs.writeFileSync(tokenFile, JSON.stringify(edit(content)));
}

describe('anonymous access', () => {
  it.each<['none' | 'local' | 'all', local: string, other: string]>([
    ['none', 'not-authorized', 'not-authorized'],
    ['local', 'anonymous', 'not-authorized'],
    ['all', 'anonymous', 'anonymous'],
  ])('%s: from this machine %s, from another %s', async (anonymous, local, other) => {
    const access = open({ anonymous });
    for (const [username, password] of [
      [null, null],
      ['', null],
      ['', ''],
      [null, ''],
    ] as const) {
      expect(await ask(access, username, password, here)).toBe(local);
      expect(await ask(access, username, password)).toBe(other);
    }
  });

  it('is no way around a wrong key or secret', async () => {
    await createToken(tokenFile, { key: 'tempSensors', secret: 'mySecret' });
    const access = open({ anonymous: 'all' });
    for (const [username, password] of [
      ['tempSensors', 'wrong'],
      ['tempSensors', ''],
      ['tempSensors', null],
      ['nobody-here', 'mySecret'],
      ['', 'mySecret'],
      [null, 'mySecret'],
      ['tempsensors', 'mySecret'],
      ['tempSensors', 'mySecret\0'],
      ['anonymous', 'anonymous'],
      ['__proto__', 'constructor'],
      ['k'.repeat(60_000), 'x'],
      ['tempSensors', 'x'.repeat(60_000)],
    ] as const) {
      expect(await ask(access, username, password, here)).toBe('bad-credentials');
    }
  });
});

describe('a token', () => {
  it('lets in with key and secret, and at once from the second time on', async () => {
    const { key, secret } = await createToken(tokenFile);
    const access = open({ anonymous: 'none' });
    const first = access.authenticate(credentials(key, secret));
    expect(first).toBeInstanceOf(Promise);
    expect(outcome(await first)).toBe(key);
    const second = access.authenticate(credentials(key, secret, { clientId: 'other' }));
    expect(second).not.toBeInstanceOf(Promise);
    expect(second).toMatchObject({ ok: true, principal: { name: key, kind: 'token', world: 'default' } });
  });

  it('that was refused is checked anew each time', async () => {
    const { key } = await createToken(tokenFile);
    const access = open();
    for (let time = 0; time < 2; time++) {
      const decision = access.authenticate(credentials(key, 'wrong-secret'));
      expect(decision).toBeInstanceOf(Promise);
      expect(outcome(await decision)).toBe('bad-credentials');
    }
  });

  it('survives a restart', async () => {
    const { key, secret } = await createToken(tokenFile);
    expect(await ask(open(), key, secret)).toBe(key);
    expect(await ask(open(), key, secret)).toBe(key);
  });

  it('is known at its first use, also when it was made after the start', async () => {
    const access = open();
    const { key, secret } = await createToken(tokenFile);
    expect(await ask(access, key, secret)).toBe(key);
  });

  it('made anew with another secret is known at once, and its old secret no more', async () => {
    await createToken(tokenFile, { key: 'tempSensors', secret: 'first-secret' });
    const access = open();
    expect(await ask(access, 'tempSensors', 'first-secret')).toBe('tempSensors');
    await revokeToken(tokenFile, 'tempSensors');
    await createToken(tokenFile, { key: 'tempSensors', secret: 'other-secret' });
    expect(await ask(access, 'tempSensors', 'other-secret')).toBe('tempSensors');
    expect(await ask(access, 'tempSensors', 'first-secret')).toBe('bad-credentials');
  });

  it('that is revoked is reported and refused from then on, and the others are not', async () => {
    const gone = await createToken(tokenFile);
    const stays = await createToken(tokenFile);
    const access = open();
    const revoked: string[] = [];
    access.onRevoked((name) => revoked.push(name));
    expect(await ask(access, gone.key, gone.secret)).toBe(gone.key);
    expect(await ask(access, stays.key, stays.secret)).toBe(stays.key);

    await revokeToken(tokenFile, gone.key);
    lookAtFile();
    expect(revoked).toEqual([gone.key]);
    expect(await ask(access, gone.key, gone.secret)).toBe('bad-credentials');
    expect(access.authenticate(credentials(stays.key, stays.secret))).toMatchObject({ ok: true });
    expect(access.tokenCount()).toBe(1);
  });

  it('with another secret is the same token, and one that was made anew under its key is not', async () => {
    const { key, secret } = await createToken(tokenFile, { key: 'tempSensors', permission: 'read-only' });
    const access = open();
    const reported: (readonly [string, boolean])[] = [];
    access.onRevoked((name, isOver) => reported.push([name, isOver]));
    const signIn = async (password: string): Promise<Principal> => {
      const decision = await access.authenticate(credentials(key, password));
      if (!decision.ok) throw new Error(decision.detail);
      return decision.principal;
    };
    const first = await signIn(secret);

    const rotated = await rotateToken(tokenFile, key);
    lookAtFile();
    expect(reported).toEqual([[key, false]]);
    expect(await ask(access, key, secret)).toBe('bad-credentials');
    const second = await signIn(rotated.secret);
    expect(second).not.toBe(first);
    expect(second.rules.mayPublish('a')).toBe(false);
    expect(isSamePrincipal(first, second)).toBe(true);

    // Also when nobody looked at the file in between.
    await revokeToken(tokenFile, key);
    await createToken(tokenFile, { key, secret, permission: 'read-only' });
    lookAtFile();
    expect(reported.slice(1)).toEqual([[key, true]]);
    expect(isSamePrincipal(first, await signIn(secret))).toBe(false);
  });

  it('that is revoked while its secret is being computed is refused', async () => {
    const { key, secret } = await createToken(tokenFile);
    const access = open();
    const decision = access.authenticate(credentials(key, secret));
    // At once, so that the secret cannot be computed before.
    editByHand((content) => ({ ...content, tokens: [] }));
    lookAtFile();
    expect(outcome(await decision)).toBe('bad-credentials');
  });

  it('whose secret stands in a buffer that is used again is checked with what it was', async () => {
    const { key, secret } = await createToken(tokenFile);
    const access = open();
    const buffer = Buffer.from(secret);
    const decision = access.authenticate({ ...credentials(key, null), password: buffer });
    buffer.fill(0);
    expect(outcome(await decision)).toBe(key);
  });

  it('of a namespace that does not exist is not let in', async () => {
    const { key, secret } = await createToken(tokenFile);
    editByHand((content) => JSON.parse(JSON.stringify(content).replace('"default"', '"gone"')) as object);
    expect(await ask(open(), key, secret)).toBe('not-authorized');
  });

  it('gets the rules that name it, with its client id in them, also on the short way', async () => {
    const { key, secret } = await createToken(tokenFile, { permission: 'read-only' });
    const own = await createToken(tokenFile);
    const access = open({
      rules: [{ subject: { kind: 'token', key: own.key }, publish: ['%c/#'], subscribe: [] }],
    });
    for (const clientId of ['esp-1', 'esp-2', 'esp-1']) {
      const decision = await access.authenticate(credentials(own.key, own.secret, { clientId }));
      const rules = decision.ok ? decision.principal.rules : null;
      expect([rules?.all, rules?.mayPublish('esp-1/a'), rules?.mayPublish('esp-2/a')]).toEqual([
        false,
        clientId === 'esp-1',
        clientId === 'esp-2',
      ]);
    }
    const reader = await access.authenticate(credentials(key, secret));
    expect(reader.ok && [reader.principal.rules.mayPublish('a'), reader.principal.rules.maySubscribe('#')]).toEqual([
      false,
      'yes',
    ]);
  });
});

describe('a client certificate', () => {
  const by = (certificate: CertificateIdentity) => ({ remote: { ...here.remote, certificate } });

  it('is who somebody is, with its own name as user name or with none', async () => {
    const access = open({ anonymous: 'none' });
    for (const username of [null, '', 'esp-1']) {
      expect(await ask(access, username, null, by({ ok: true, user: 'esp-1' }))).toBe('esp-1');
    }
    expect(await ask(access, 'esp-2', null, by({ ok: true, user: 'esp-1' }))).toBe('bad-credentials');
  });

  it('goes with a token of the same name only, by password and by SCRAM alike [MQTT-3.1.4-2]', async () => {
    const { key, secret } = await createToken(tokenFile);
    const access = open({ anonymous: 'all' });
    expect(await ask(access, key, secret, by({ ok: true, user: key }))).toBe(key);
    expect(await ask(access, key, 'wrong-secret', by({ ok: true, user: key }))).toBe('bad-credentials');
    expect(await ask(access, key, secret, by({ ok: true, user: 'esp-1' }))).toBe('bad-credentials');
    const first = Buffer.from(`n,,n=${key},r=abcdefgh`);
    const step = (user: string) =>
      access.exchange?.('SCRAM-SHA-256', credentials(null, null, by({ ok: true, user })))?.next(first);
    expect(step(key)).toMatchObject({ do: 'continue' });
    expect(step('esp-1')).toMatchObject({ do: 'end', decision: { ok: false, reason: 'bad-credentials' } });
  });

  it('that is no user lets nobody in: not without a name, by password, or by SCRAM [MQTT-3.1.4-2]', async () => {
    const { key, secret } = await createToken(tokenFile);
    const access = open({ anonymous: 'all' });
    const refused = by({ ok: false, why: 'it has no common name, or more than one' });
    expect(await ask(access, null, null, refused)).toBe('not-authorized');
    expect(await ask(access, key, secret, refused)).toBe('not-authorized');
    const exchange = access.exchange?.('SCRAM-SHA-256', credentials(key, null, refused));
    expect(exchange?.next(null)).toMatchObject({ do: 'end', decision: { ok: false, reason: 'not-authorized' } });
  });
});

describe('class 12: a token file that cannot be used', () => {
  it.each(['', '{', '[]'])('(%j) keeps the door from being built', (text) => {
    fs.writeFileSync(tokenFile, text);
    expect(() => open({ anonymous: 'all' })).toThrow(/^the token file .* cannot be used/);
  });

  it('breaks while the server runs: who is known stays, nobody new comes in, and all is well once it is mended', async () => {
    const known = await createToken(tokenFile);
    const other = await createToken(tokenFile);
    const access = open();
    const revoked: string[] = [];
    access.onRevoked((name) => revoked.push(name));
    expect(await ask(access, known.key, known.secret)).toBe(known.key);

    const good = fs.readFileSync(tokenFile);
    fs.writeFileSync(tokenFile, good.subarray(0, 100));
    lookAtFile();
    lookAtFile();
    expect(revoked).toEqual([]);
    expect(logged.filter((text) => text.includes('refused until it is mended'))).toHaveLength(1);
    expect(await ask(access, known.key, known.secret)).toBe(known.key);
    expect(await ask(access, other.key, other.secret)).toBe('unavailable');
    expect(await ask(access, 'nobody-here', 'x')).toBe('unavailable');

    fs.writeFileSync(tokenFile, good);
    lookAtFile();
    expect(logged).toContain('the token file can be used again');
    expect(await ask(access, other.key, other.secret)).toBe(other.key);
  });

  it.runIf(process.platform !== 'win32')('that others may read is pointed out', async () => {
    await createToken(tokenFile);
    open();
    expect(logged).toEqual([]);
    fs.chmodSync(tokenFile, 0o644);
    open();
    expect(logged.join()).toContain('other users may read the token file');
  });

  it('that is gone, as while it is restored, ends no token and lets nobody new in', async () => {
    const known = await createToken(tokenFile);
    const other = await createToken(tokenFile);
    const access = open();
    const revoked: string[] = [];
    access.onRevoked((name) => revoked.push(name));
    await ask(access, known.key, known.secret);
    const good = fs.readFileSync(tokenFile);
    fs.rmSync(tokenFile);
    lookAtFile();
    lookAtFile();
    expect(revoked).toEqual([]);
    expect(logged.filter((text) => text.includes('is gone'))).toHaveLength(1);
    expect(await ask(access, known.key, known.secret)).toBe(known.key);
    expect(await ask(access, other.key, other.secret)).toBe('unavailable');

    fs.writeFileSync(tokenFile, good);
    lookAtFile();
    expect(revoked).toEqual([]);
    expect(await ask(access, other.key, other.secret)).toBe(other.key);
  });
});

describe('rules that leave a door open', () => {
  const rules = [{ subject: { kind: 'every-token' }, publish: [], subscribe: [] }] as const;

  it('are pointed out at the start', () => {
    open({ rules });
    expect(logged.join()).toContain('none for anonymous clients');
  });

  it('are pointed out for the listeners where anonymous comes in, whatever the server says', () => {
    const fields: LogFields[] = [];
    const noting: Logger = { ...logger, warn: (what) => void fields.push(what) };
    const listeners = [
      { listener: 'mqtt *:1883', anonymous: 'none' },
      { listener: 'mqtt 127.0.0.1:1884', anonymous: 'all' },
      { listener: 'unix /run/sonde.sock', anonymous: 'local' },
    ] as const;
    open({ rules, anonymous: 'none', listeners, logger: noting });
    expect(fields).toEqual([{ anonymous: 'mqtt 127.0.0.1:1884 (all), unix /run/sonde.sock (local)' }]);
    open({ rules, anonymous: 'all', listeners: listeners.slice(0, 1), logger: noting });
    expect(fields).toHaveLength(1);
  });

  it('are not complained about where anonymous cannot come or is named', () => {
    open({ rules, anonymous: 'none' });
    open({ rules: [{ subject: { kind: 'everyone' }, publish: [], subscribe: [] }] });
    expect(logged).toEqual([]);
  });
});
