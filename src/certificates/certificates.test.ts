import * as fs from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogFields, Logger } from '../base/index.ts';
import { type Certificates, createCertificates } from './certificates.ts';
import { DEFAULT_TLS } from './settings.ts';

let folder: string;
const closers: (() => void)[] = [];
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-names-'));
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Certificates of a machine whose names the test changes, and whose timers it turns. */
function machine() {
  const names = { dns: ['localhost', 'lab'], addresses: ['127.0.0.1'] };
  const timers: { readonly work: () => void; readonly everyMs: number }[] = [];
  const logged: string[] = [];
  const note = (_: LogFields, text: string): void => void logged.push(text);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const certificates = createCertificates({
    dataFolder: folder,
    logger,
    names: (more) => ({ ...names, dns: [...names.dns, ...more] }),
    repeat: (work, everyMs) => {
      timers.push({ work, everyMs });
      return () => {};
    },
  });
  closers.push(certificates.close);
  const turn = (): void => {
    for (const { work } of timers.toSorted((a, b) => b.everyMs - a.everyMs)) work();
  };
  return { certificates, names, logged, turn };
}

async function serve(certificates: Certificates, more: readonly string[] = []): Promise<number> {
  const keeper = await certificates.open({ ...DEFAULT_TLS, names: more });
  const server = tls.createServer(keeper.options, (socket) => socket.end());
  keeper.keep(server);
  closers.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What a client that trusts the CA, and checks the name, says. */
function asked(certificates: Certificates, port: number, servername: string): Promise<string> {
  const ca = certificates.local()?.caPem();
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername, ...(ca === undefined ? {} : { ca }) });
    socket.once('secureConnect', () => {
      resolve('trusted');
      socket.destroy();
    });
    socket.once('error', (error) => resolve((error as { code?: string }).code ?? error.message));
  });
}

describe('the certificate of the local CA', () => {
  it('follows the names of the machine while it runs: who trusts the CA comes in by the new ones, without a restart', async () => {
    const { certificates, names, logged, turn } = machine();
    const port = await serve(certificates);
    const before = certificates.local()?.fingerprint();
    expect(await asked(certificates, port, 'lab')).toBe('trusted');
    expect(await asked(certificates, port, 'roof')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');

    names.dns[1] = 'roof';
    turn();
    await expect.poll(() => logged.join()).toContain('a new certificate of the local CA: the names changed');
    // The file is seen once, and read when it has not changed since.
    turn();
    turn();
    expect(logged.join()).toContain('certificates read; new connections get them');
    expect(await asked(certificates, port, 'roof')).toBe('trusted');
    expect(await asked(certificates, port, 'lab')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(certificates.local()?.fingerprint()).toBe(before);
  });

  it('follows them from one start to the next, with the same CA', async () => {
    const first = machine();
    await serve(first.certificates);
    const before = first.certificates.local()?.fingerprint();
    const second = machine();
    second.names.dns[1] = 'roof';
    const port = await serve(second.certificates);
    expect(second.certificates.local()?.fingerprint()).toBe(before);
    expect(await asked(second.certificates, port, 'roof')).toBe('trusted');
    expect(await asked(second.certificates, port, 'lab')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('has the names of every listener', async () => {
    const { certificates, turn } = machine();
    const port = await serve(certificates, ['a.example']);
    await serve(certificates, ['b.example']);
    turn();
    turn();
    for (const name of ['a.example', 'b.example', 'lab']) expect(await asked(certificates, port, name)).toBe('trusted');
  });
});
