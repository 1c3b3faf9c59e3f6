import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf, OperatorError, syncFolder, systemCode } from '../base/index.ts';
import { BACKDATED_MS, type Issued, issueCa, issueServer } from './issue.ts';
import type { Names } from './machine-names.ts';

/** A CA of this machine's own, in the data folder; devices and browsers that trust it trust every certificate that it makes. */
export type LocalAuthority = {
  /** What is handed out: the CA's certificate. */
  readonly caFile: string;
  /** Certificate and key of the server, in one file so that they change together. */
  readonly serverFile: string;
  readonly caPem: () => string;
  /** SHA-256 of the CA's certificate, in pairs of digits as browsers show it. */
  readonly fingerprint: () => string;
  /** Makes what is missing, ends soon or lacks one of the names; true when the server's file is new. */
  readonly renew: (names: Names) => Promise<boolean>;
};

const DAY_MS = 24 * 3600 * 1000;
/** A certificate that ends earlier than this is made anew. */
export const RENEW_BEFORE_DAYS = 30;

/** Opens the authority of a data folder and makes what it lacks. */
export async function openLocalAuthority(
  dataFolder: string,
  names: Names,
  wallMs: () => number = Date.now,
): Promise<LocalAuthority> {
  const folder = join(dataFolder, 'certificates');
  const caFile = join(folder, 'ca.pem');
  const keyFile = join(folder, 'ca-key.pem');
  const serverFile = join(folder, 'server.pem');
  const explain = (error: unknown): OperatorError =>
    error instanceof OperatorError
      ? error
      : new OperatorError(
          `cannot keep certificates in ${folder}: ${messageOf(error)}`,
          'Check the folder, its permissions and the free space, or name certificates with --tls-cert and --tls-key.',
          { cause: error },
        );

  const isGood = (pem: string): boolean => daysLeft(pem, wallMs()) > RENEW_BEFORE_DAYS;

  const loadCa = async (): Promise<Issued> => {
    const cert = readIfThere(caFile);
    const key = readIfThere(keyFile);
    const begun = caOfKeyFile(key);
    if (begun !== null && isGood(begun.cert) && (cert === null || isFollowed(cert, begun.cert))) {
      await replaceFile(caFile, begun.cert);
      return begun;
    }
    if (cert !== null) {
      const known = checkedCa(cert, key, folder);
      if (isGood(known.cert)) return known;
    }
    const made = await issueCa(hostname(), wallMs());
    // The key first, and its certificate with it: what a crash in between leaves can be finished by the next start.
    await replaceFile(keyFile, made.key + made.cert);
    await replaceFile(caFile, made.cert);
    return made;
  };

  const renew = async (wanted: Names): Promise<boolean> => {
    try {
      if (fs.mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) await syncFolder(dataFolder);
      const ca = await loadCa();
      const server = readIfThere(serverFile);
      if (server !== null && serves(server, ca.cert, wanted, wallMs())) return false;
      const made = await issueServer(ca, wanted, wallMs());
      await replaceFile(serverFile, made.cert + made.key);
      return true;
    } catch (error) {
      throw explain(error);
    }
  };

  await renew(names);
  const caPem = (): string => fs.readFileSync(caFile, 'utf8');
  return { caFile, serverFile, caPem, fingerprint: () => new X509Certificate(caPem()).fingerprint256, renew };
}

/** Two halves that do not belong together are for a person to look at: a new CA would have to be trusted anew everywhere. */
function checkedCa(cert: string, key: string | null, folder: string): Issued {
  const fault = (why: string): OperatorError =>
    new OperatorError(
      `the local CA in ${folder} cannot be used: ${why}`,
      'Restore ca.pem and ca-key.pem from a backup; or move the folder away, and trust the new CA everywhere.',
    );
  if (key === null) throw fault('ca-key.pem is missing');
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw fault(messageOf(error));
  }
  if (!fits) throw fault('ca-key.pem is not the key of ca.pem');
  return { cert, key };
}

/** The CA that the key's file has whole, beside `ca.pem`; null in one of an older Sonde, which had the key alone. */
function caOfKeyFile(text: string | null): Issued | null {
  if (text === null) return null;
  const cert = certificateOf(text);
  try {
    if (cert?.ca !== true || !cert.checkPrivateKey(createPrivateKey(text))) return null;
  } catch {
    return null;
  }
  return { cert: text.slice(text.indexOf('-----BEGIN CERTIFICATE-----')), key: text };
}

/** The second one was made since the first was about to end: nobody put it there. Whatever the clock says by now. */
function isFollowed(pem: string, next: string): boolean {
  const madeMs = Date.parse(new X509Certificate(next).validFrom) + BACKDATED_MS;
  return certificateOf(pem) !== null && daysLeft(pem, madeMs) < RENEW_BEFORE_DAYS + 1;
}

function certificateOf(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function serves(server: string, caPem: string, { dns, addresses }: Names, nowMs: number): boolean {
  try {
    const cert = new X509Certificate(server);
    const ca = new X509Certificate(caPem);
    return (
      cert.checkPrivateKey(createPrivateKey(server)) &&
      cert.checkIssued(ca) &&
      cert.verify(ca.publicKey) &&
      daysLeft(server, nowMs) > RENEW_BEFORE_DAYS &&
      dns.every((name) => cert.checkHost(name) !== undefined) &&
      addresses.every((address) => cert.checkIP(address) !== undefined)
    );
  } catch {
    return false; // whatever is wrong with it: the CA can make another
  }
}

function daysLeft(pem: string, nowMs: number): number {
  const { validTo, validFrom } = new X509Certificate(pem);
  // A clock that went back before its beginning (a machine without a battery) makes no new one for that.
  return (Date.parse(validTo) - Math.max(nowMs, Date.parse(validFrom))) / DAY_MS;
}

function readIfThere(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Old or new content after a crash, never half of it; durable when it resolves; readable by its owner only. */
async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = fs.openSync(draft, 'wx', 0o600);
    try {
      fs.writeFileSync(handle, text);
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
    fs.renameSync(draft, file);
  } catch (error) {
    fs.rmSync(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}
