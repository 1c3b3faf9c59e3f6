import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError } from '../../base/index.ts';
import { createFirstToken, createToken, listTokens, revokeToken } from './manage.ts';
import { hashSecret, verifySecret } from './secret-hash.ts';
import { generateKey, generateSecret, keyFault, secretFault, tokenUrl } from './token.ts';
import { changeTokenFile, readTokenFile } from './token-file.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-tokens-'));
  file = join(folder, 'tokens.json');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('a token', () => {
  it('is kept with its format, for its owner only, and without its secret', async () => {
    const created = await createToken(file, { description: 'bme sensors', permission: 'read-only' });
    const text = fs.readFileSync(file, 'utf8');
    expect(JSON.parse(text)).toMatchObject({ format: 'sonde-tokens', version: 2 });
    expect(text).not.toContain(created.secret);
    if (process.platform !== 'win32') expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(folder)).toEqual(['tokens.json']);
    expect(listTokens(file)).toMatchObject([
      { key: created.key, permission: 'read-only', namespace: 'default', description: 'bme sensors' },
    ]);
    expect(listTokens(file)[0]?.scram.map(({ mechanism }) => mechanism)).toEqual(['SCRAM-SHA-256', 'SCRAM-SHA-512']);
    const kept = listTokens(file)[0]?.secret;
    expect(kept && (await verifySecret(Buffer.from(created.secret), kept))).toBe(true);
  });

  it('has one secret: not the same with zero bytes after it, nor the hash of a long one', async () => {
    const long = 'long secret '.repeat(10);
    const [short, other] = await Promise.all([hashSecret('mySecret'), hashSecret(long)]);
    const right = await Promise.all([
      verifySecret(Buffer.from('mySecret'), short),
      verifySecret(Buffer.from('mySecret\0'), short),
      verifySecret(Buffer.from(long), other),
      verifySecret(createHash('sha256').update(long).digest(), other),
    ]);
    expect(right).toEqual([true, false, true, false]);
  });

  it('that is made up can be typed, needs no escaping in a URL and differs from others', () => {
    const made = Array.from({ length: 200 }, () => [generateKey(), generateSecret()]).flat();
    expect(new Set(made).size).toBe(400);
    for (const text of made) expect(text).toMatch(/^[a-km-np-z2-9]{10}$|^[a-km-np-z2-9]{24}$/);
  });

  it('takes a key and a secret of one’s own choice, as shiftr.io did', async () => {
    const created = await createToken(file, { key: 'tempSensors', secret: 'mySecret' });
    expect(created).toMatchObject({ key: 'tempSensors', secret: 'mySecret' });
    await expect(createToken(file, { key: 'tempSensors' })).rejects.toThrow('the key tempSensors is taken');
  });

  it.each([
    'short',
    'a'.repeat(129),
    'with space',
    'with/slash',
    'with#hash1',
    'with+plus1',
    'with:colon',
    'anonymous',
    '__proto__',
    'constructor',
    'zurück-12',
    'with%c-pct',
    'nul\0nul\0nul',
    '$SYS-token',
  ])('cannot have the key %j', (key) => {
    expect(keyFault(key)).not.toBeNull();
  });

  it.each(['short', 'a'.repeat(129), 'line\nbreak', 'nul\0nul\0', '\ud800aaaaaaaaa'])(
    'cannot have the secret %j',
    (secret) => {
      expect(secretFault(secret)).not.toBeNull();
    },
  );

  it('is refused for a namespace that does not exist', async () => {
    await expect(createToken(file, { namespace: 'project-x' })).rejects.toThrow('there is no namespace "project-x"');
    expect(fs.existsSync(file)).toBe(false);
  });

  it('is gone once revoked, and revoking another says so', async () => {
    const { key } = await createToken(file);
    await revokeToken(file, key);
    expect(listTokens(file)).toEqual([]);
    await expect(revokeToken(file, key)).rejects.toThrow(`there is no token with the key "${key}"`);
  });

  it('is made at the first start only, also when the file was emptied of tokens since', async () => {
    const first = await createFirstToken(file);
    expect(first).not.toBeNull();
    expect(await createFirstToken(file)).toBeNull();
    await revokeToken(file, first?.key ?? '');
    expect(await createFirstToken(file)).toBeNull();
  });

  it('has a URL that escapes what a chosen secret may hold', () => {
    expect(tokenUrl({ key: 'me@home1', secret: 'a/b:c@d e' }, '192.168.1.20', 1883)).toBe(
      'mqtt://me%40home1:a%2Fb%3Ac%40d%20e@192.168.1.20:1883',
    );
    expect(tokenUrl({ key: 'abcdefgh', secret: 'abcdefgh' }, '::1', 1)).toBe('mqtt://abcdefgh:abcdefgh@[::1]:1');
  });
});

describe('the token file', () => {
  const good = { format: 'sonde-tokens', version: 1, tokens: [] as unknown[] };
  const token = {
    key: 'abcdefgh',
    secret: {
      algorithm: 'scrypt-sha512',
      N: 16384,
      r: 8,
      p: 1,
      salt: 'A'.repeat(22).concat('=='),
      hash: 'A'.repeat(43).concat('='),
    },
    namespace: 'default',
    permission: 'full',
    description: '',
    createdAt: '2026-01-01T00:00:00.000Z',
  };

  const scram = {
    mechanism: 'SCRAM-SHA-256',
    iterations: 4096,
    salt: 'A'.repeat(22).concat('=='),
    storedKey: 'A'.repeat(43).concat('='),
    serverKey: 'A'.repeat(43).concat('='),
  };

  it('is no tokens when it is not there, and the tokens when it is right', () => {
    expect(readTokenFile(file).tokens.size).toBe(0);
    fs.writeFileSync(file, JSON.stringify({ ...good, tokens: [token] }));
    expect(readTokenFile(file).tokens.get('abcdefgh')).toEqual({ ...token, scram: [] });
    fs.writeFileSync(file, JSON.stringify({ ...good, tokens: [{ ...token, scram: [scram] }] }));
    expect(readTokenFile(file).tokens.get('abcdefgh')).toEqual({ ...token, scram: [scram] });
  });

  it('of version 1 is taken over with its tokens as they are; one secret for decoys is made, and kept', async () => {
    fs.writeFileSync(file, JSON.stringify({ ...good, tokens: [token] }));
    expect(readTokenFile(file).decoySecret).toBeNull();
    await createToken(file, { key: 'new-token' });
    const { tokens, decoySecret } = readTokenFile(file);
    expect(JSON.parse(fs.readFileSync(file, 'utf8'))).toMatchObject({ version: 2 });
    expect(tokens.get('abcdefgh')).toEqual({ ...token, scram: [] });
    expect(tokens.get('new-token')?.scram).toHaveLength(2);
    expect(decoySecret).toHaveLength(44);
    await revokeToken(file, 'new-token');
    expect(readTokenFile(file).decoySecret).toBe(decoySecret);
  });

  it.each<[string, string | object]>([
    [
      'has keys of fewer rounds than RFC 7677 allows',
      { ...good, tokens: [{ ...token, scram: [{ ...scram, iterations: 4095 }] }] },
    ],
    [
      'has keys of another mechanism',
      { ...good, tokens: [{ ...token, scram: [{ ...scram, mechanism: 'SCRAM-SHA-1' }] }] },
    ],
    [
      'has keys of another length',
      { ...good, tokens: [{ ...token, scram: [{ ...scram, mechanism: 'SCRAM-SHA-512' }] }] },
    ],
    ['is empty', ''],
    ['is white space', ' \n'],
    ['was cut', JSON.stringify({ ...good, tokens: [token] }).slice(0, 200)],
    ['is JSON of something else', '[]'],
    ['is null', 'null'],
    ['has another format', { ...good, format: 'other' }],
    ['comes from a newer Sonde', { ...good, version: 3 }],
    ['lacks the tokens', { format: 'sonde-tokens', version: 1 }],
    ['has an unknown key', { ...good, allowAll: true }],
    ['has a token with an unknown permission', { ...good, tokens: [{ ...token, permission: 'everything' }] }],
    ['has a token without a secret', { ...good, tokens: [{ ...token, secret: undefined }] }],
    ['has a secret in clear', { ...good, tokens: [{ ...token, secret: 'abcdefgh' }] }],
    [
      'has a secret that costs gigabytes to check',
      { ...good, tokens: [{ ...token, secret: { ...token.secret, N: 2 ** 30 } }] },
    ],
    ['has an empty hash', { ...good, tokens: [{ ...token, secret: { ...token.secret, hash: '' } }] }],
    ['has one key twice', { ...good, tokens: [token, token] }],
  ])('that %s is refused in one line', (_, content) => {
    fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    expect(() => readTokenFile(file)).toThrow(OperatorError);
    expect(() => readTokenFile(file)).toThrow(/^the token file [^\n]+$/);
  });

  it('that is a folder is refused', () => {
    fs.mkdirSync(file);
    expect(() => readTokenFile(file)).toThrow(/^the token file [^\n]+$/);
  });

  it('is not written over when it is broken', async () => {
    fs.writeFileSync(file, '{');
    await expect(createToken(file)).rejects.toThrow('is no JSON');
    expect(fs.readFileSync(file, 'utf8')).toBe('{');
  });

  it('keeps every token of many writers at once', async () => {
    const keys = Array.from({ length: 12 }, (_, at) => `writer-no-${String(at).padStart(2, '0')}`);
    await Promise.all(keys.map((key) => createToken(file, { key })));
    expect(
      listTokens(file)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(keys);
    expect(fs.readdirSync(folder)).toEqual(['tokens.json']);
  });

  it('waits for a writer of another process and takes over from one that died', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    let lock = '';
    await changeTokenFile(file, () => {
      lock = fs.readFileSync(`${file}.lock`, 'utf8');
      return null;
    });
    const pid = child.pid ?? 0;
    const ticks = fs.existsSync('/proc/self/stat')
      ? (fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? null)
      : null;
    fs.writeFileSync(`${file}.lock`, JSON.stringify({ ...JSON.parse(lock), pid, startTicks: ticks, nonce: 'theirs' }));

    let done = false;
    const waiting = createToken(file, { key: 'patient-1' }).then(() => {
      done = true;
    });
    await hashSecret('takes longer than the first look at the lock');
    expect(done).toBe(false);
    child.kill('SIGKILL');
    await exited;
    await waiting;
    expect(listTokens(file)).toHaveLength(1);
  });
});
