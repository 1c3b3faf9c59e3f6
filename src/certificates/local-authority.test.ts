import { X509Certificate } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperatorError } from '../base/index.ts';
import { openLocalAuthority } from './local-authority.ts';
import { machineNames, type Names } from './machine-names.ts';

const DAY_MS = 24 * 3600 * 1000;
const NAMES: Names = { dns: ['localhost', 'lab', 'lab.local'], addresses: ['127.0.0.1', '::1', '192.168.1.20'] };

describe('the local CA', () => {
  let folder: string;
  let nowMs = Date.UTC(2026, 10, 21);
  const open = (names = NAMES) => openLocalAuthority(folder, names, () => nowMs);
  const read = (file: string) => new X509Certificate(fs.readFileSync(file));
  const fault = async (): Promise<string> => {
    const error = await open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OperatorError);
    return `${(error as OperatorError).message} ${(error as OperatorError).advice}`;
  };
  beforeAll(() => {
    folder = fs.mkdtempSync(join(tmpdir(), 'sonde-authority-'));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('makes a CA and a certificate for all names that it signed, readable by their owner only', async () => {
    const { caFile, serverFile, fingerprint } = await open();
    const [ca, server] = [read(caFile), read(serverFile)];
    expect(ca.ca).toBe(true);
    expect([server.ca, server.checkIssued(ca), server.verify(ca.publicKey)]).toEqual([false, true, true]);
    for (const name of NAMES.dns) expect(server.checkHost(name)).toBe(name);
    for (const address of NAMES.addresses) expect(server.checkIP(address)).toBe(address);
    expect(server.checkHost('elsewhere.example')).toBeUndefined();
    expect(fingerprint()).toBe(ca.fingerprint256);
    // No browser and no device takes more than 825 days.
    expect(Date.parse(server.validTo) - Date.parse(server.validFrom)).toBeLessThan(400 * DAY_MS);
    for (const file of fs.readdirSync(join(folder, 'certificates'))) {
      if (process.platform === 'win32') continue;
      expect(fs.statSync(join(folder, 'certificates', file)).mode & 0o077).toBe(0);
    }
  });

  it('keeps both as long as they serve', async () => {
    const { caFile, serverFile, renew } = await open();
    const before = [read(caFile).serialNumber, read(serverFile).serialNumber];
    expect(await renew(NAMES)).toBe(false);
    await open({ dns: ['localhost'], addresses: ['127.0.0.1'] });
    // A clock that has lost the time makes nothing anew.
    const knownMs = nowMs;
    nowMs = 0;
    await open();
    nowMs = knownMs;
    expect([read(caFile).serialNumber, read(serverFile).serialNumber]).toEqual(before);
  });

  it('makes another certificate for a new name, and before the old one ends, of the same CA', async () => {
    const { caFile, serverFile, renew } = await open();
    const ca = read(caFile).serialNumber;
    const more = { ...NAMES, addresses: [...NAMES.addresses, '10.3.141.1'] };
    expect(await renew(more)).toBe(true);
    expect(read(serverFile).checkIP('10.3.141.1')).toBe('10.3.141.1');
    nowMs += 360 * DAY_MS;
    expect(await renew(more)).toBe(false);
    nowMs += 10 * DAY_MS;
    expect(await renew(more)).toBe(true);
    expect(await renew(more)).toBe(false);
    expect(read(caFile).serialNumber).toBe(ca);
  });

  it('makes a certificate in the place of one that is broken', async () => {
    const { serverFile } = await open();
    fs.writeFileSync(serverFile, '-----BEGIN CERTIFICATE-----\nAAAA\n');
    await open();
    expect(read(serverFile).checkHost('localhost')).toBe('localhost');
  });

  it('is never replaced for being broken: its two halves are for a person to look at', async () => {
    const { caFile } = await open();
    const keyFile = join(folder, 'certificates', 'ca-key.pem');
    const [cert, key] = [fs.readFileSync(caFile), fs.readFileSync(keyFile)];
    fs.rmSync(keyFile);
    expect(await fault()).toMatch(/ca-key\.pem is missing.*Restore/);
    fs.writeFileSync(keyFile, fs.readFileSync(join(folder, 'certificates', 'server.pem')));
    expect(await fault()).toMatch(/is not the key of ca\.pem/);
    fs.writeFileSync(keyFile, key);
    fs.writeFileSync(caFile, '');
    expect(await fault()).toMatch(/the local CA in .* cannot be used/);
    fs.writeFileSync(caFile, cert);
    await open();
  });

  it('is renewed to the end by the next start, whatever its clock says, when the first was cut short between key and certificate', async () => {
    const { caFile, fingerprint } = await open();
    const keyFile = join(folder, 'certificates', 'ca-key.pem');
    const [cert, key] = [fs.readFileSync(caFile), fs.readFileSync(keyFile)];
    fs.rmSync(caFile);
    await open();
    expect(fs.readFileSync(caFile)).toEqual(cert);

    const knownMs = nowMs;
    nowMs = Date.parse(read(caFile).validTo) - 20 * DAY_MS;
    await open();
    const renewed = fingerprint();
    fs.writeFileSync(caFile, cert);
    nowMs = 0;
    await open();
    expect(fingerprint()).toBe(renewed);
    nowMs = knownMs;
    fs.writeFileSync(caFile, cert);
    fs.writeFileSync(keyFile, key);
    await open();
  });

  it('is made anew when it ends itself', async () => {
    const { caFile } = await open();
    const before = read(caFile).serialNumber;
    const knownMs = nowMs;
    nowMs = Date.parse(read(caFile).validTo) - 20 * DAY_MS;
    const { serverFile } = await open();
    expect(read(caFile).serialNumber).not.toBe(before);
    expect(read(serverFile).checkIssued(read(caFile))).toBe(true);
    nowMs = knownMs;
  });
});

describe('the names of a machine', () => {
  const address = (text: string, internal = false) =>
    ({ address: text, internal, family: text.includes(':') ? 'IPv6' : 'IPv4' }) as never;

  it('are localhost, the host name, its addresses and what is added, without what changes by itself', () => {
    const interfaces = {
      lo: [address('127.0.0.1', true)],
      eth0: [address('192.168.1.20'), address('fe80::1'), address('2001:DB8:0::20'), address('169.254.1.2')],
    };
    expect(machineNames(['MQTT.example', '203.0.113.1', '*.lab.example'], 'Lab-PC', interfaces)).toEqual({
      dns: ['localhost', 'lab-pc', 'lab-pc.local', 'mqtt.example', '*.lab.example'],
      addresses: ['127.0.0.1', '::1', '203.0.113.1', '192.168.1.20', '2001:db8::20'],
    });
  });

  it('leave out a host name that cannot stand in a certificate', () => {
    expect(machineNames([], 'müllers_pc.', {}).dns).toEqual(['localhost']);
    expect(machineNames([], 'a.b.example', {}).dns).toEqual(['localhost', 'a.b.example']);
  });
});
