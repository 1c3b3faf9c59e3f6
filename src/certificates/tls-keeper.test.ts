import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError } from '../base/index.ts';
import { type Issued, issueCa, issueServer } from './issue.ts';
import { DEFAULT_TLS, type TlsSettings } from './settings.ts';
import { openTlsKeeper, type TlsKeeper } from './tls-keeper.ts';

const DAY_MS = 24 * 3600 * 1000;

describe('the certificates of a listener', () => {
  let folder: string;
  let ca: Issued;
  let first: Issued;
  let second: Issued;
  const file = (name: string): string => join(folder, name);
  const names = { dns: ['localhost'], addresses: [] };

  let nowMs = Date.now();
  let look: () => void = () => {};
  const said: string[] = [];
  const say = (level: string) => (_fields: unknown, text: string) => void said.push(`${level} ${text}`);
  const logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };

  beforeAll(async () => {
    folder = fs.mkdtempSync(join(tmpdir(), 'sonde-keeper-'));
    ca = await issueCa('test', nowMs);
    first = await issueServer(ca, names, nowMs);
    second = await issueServer(ca, names, nowMs);
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    fs.writeFileSync(file('cert.pem'), first.cert);
    fs.writeFileSync(file('key.pem'), first.key);
    said.length = 0;
    nowMs = Date.now();
  });

  function open(settings: Partial<TlsSettings> = {}): TlsKeeper & { readonly given: unknown[] } {
    const files = { cert: [file('cert.pem')], key: [file('key.pem')] };
    const keeper = openTlsKeeper({
      settings: { ...DEFAULT_TLS, ...files, ...settings },
      local: null,
      logger,
      wallMs: () => nowMs,
      repeat: (work) => {
        look = work;
        return () => {};
      },
    });
    const given: unknown[] = [];
    keeper.keep({ setSecureContext: ({ cert }: { cert: unknown }) => given.push(cert) } as never);
    return { ...keeper, given };
  }
  const replace = (name: string, text: string): void => {
    fs.writeFileSync(file(`${name}.new`), text);
    fs.renameSync(file(`${name}.new`), file(name));
  };

  it('are given at once, and not again while nothing changes', () => {
    const { given } = open();
    for (let n = 0; n < 3; n++) look();
    expect(given).toEqual([[first.cert]]);
    expect(said).toEqual([]);
  });

  it('are taken one look after both files have changed, with new keys for tickets', () => {
    const { given, options } = open();
    replace('cert.pem', second.cert);
    look();
    replace('key.pem', second.key);
    look();
    expect(given).toHaveLength(1);
    look();
    look();
    expect(given).toEqual([[first.cert], [second.cert]]);
    expect(options.requestCert).toBe(false);
    expect(said).toEqual(['info certificates read; new connections get them']);
  });

  it('stay when the new ones are broken, which is said once; mended ones are taken', () => {
    const { given } = open();
    replace('cert.pem', second.cert);
    for (let n = 0; n < 4; n++) look();
    expect(given).toHaveLength(1);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^error .*key\.pem cannot be used: it is not the key.*stay in use$/);
    fs.rmSync(file('cert.pem'));
    for (let n = 0; n < 4; n++) look();
    expect(said[1]).toMatch(/^error .*cert\.pem cannot be used: there is no such file/);
    replace('cert.pem', first.cert);
    for (let n = 0; n < 3; n++) look();
    expect(given).toEqual([[first.cert], [first.cert]]);
  });

  it('are read at once when that is asked for', () => {
    const { given, reload } = open();
    replace('cert.pem', second.cert);
    replace('key.pem', second.key);
    reload();
    expect(given).toEqual([[first.cert], [second.cert]]);
    look();
    look();
    expect(given).toHaveLength(2);
  });

  it('are taken anew each day, for new keys of tickets, and what ends soon is said then', () => {
    const { given } = open();
    nowMs += DAY_MS;
    look();
    expect(given).toHaveLength(2);
    expect(said.filter((text) => text.startsWith('warn'))).toEqual([]);
    nowMs += 390 * DAY_MS;
    look();
    expect(said).toContain('warn a certificate ends soon');
    nowMs += 10 * DAY_MS;
    look();
    expect(said).toContain('warn a certificate has ended: clients that check it refuse it');
  });

  it.each<[string, Partial<TlsSettings>, () => void, RegExp]>([
    ['no file', {}, () => fs.rmSync(file('cert.pem')), /cert\.pem .*no such file/],
    ['an empty file', {}, () => fs.writeFileSync(file('cert.pem'), ''), /cert\.pem .*no certificate in PEM/],
    ['no key', {}, () => fs.writeFileSync(file('key.pem'), first.cert), /key\.pem .*no private key/],
    ['the key of another', {}, () => fs.writeFileSync(file('key.pem'), second.key), /key\.pem .*not the key/],
    ['a CA of clients that is none', { clientCa: 'absent.pem' }, () => {}, /absent\.pem .*no such file/],
  ])('let nothing start with %s', (_, settings, break_, expected) => {
    break_();
    let fault: unknown;
    try {
      open(settings);
    } catch (error) {
      fault = error;
    }
    expect(fault).toBeInstanceOf(OperatorError);
    expect((fault as Error).message).toMatch(expected);
  });

  it('may stand with their keys in one file', () => {
    fs.writeFileSync(file('both.pem'), first.cert + first.key);
    expect(open({ cert: [file('both.pem')], key: [] }).given).toHaveLength(1);
  });
});
