import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { listTokens, tokenFileOf } from '../../../src/access/index.ts';
import { restoreBackup } from '../../../src/backup/index.ts';
import { messageOf, sumOf } from '../../../src/base/index.ts';
import { openLocalAuthority } from '../../../src/certificates/local-authority.ts';
import type { FilesMark } from './files-load.ts';

const NAMES = { dns: ['localhost'], addresses: ['127.0.0.1'] };

/** What the small files may say after a power cut now. */
export type FilesPromises = {
  readonly take: (mark: string) => void;
  /**
   * What is wrong with the folders that a power cut left; looks at them as Sonde does, and may change them. `scratch`: where a
   * backup is restored; null: its large files were left out.
   */
  readonly faultsOf: (disk: string, scratch: string | null) => Promise<readonly string[]>;
  /** Things that are promised now. */
  readonly promised: () => number;
};

/** `marks`: all that there are, those that are still to be taken too. */
export function createFilesPromises(marks: readonly string[]): FilesPromises {
  /** As JSON; null: nobody was told of any. */
  let tokens: string | null = null;
  let ca: { readonly fingerprint: string; readonly wallMs: number } | null = null;
  const under = { tokens: false, ca: false, backup: false, restore: false };
  const done = { backup: false, restore: false };
  /** The states of the tokens that are still to come: the first one is under way. */
  const later = marks.flatMap((text) => {
    const mark = JSON.parse(text) as FilesMark;
    return mark.is === 'tokens' ? [mark.tokens] : [];
  });

  const tokenFault = (file: string): string | null => {
    if (!existsSync(file)) return tokens === null ? null : 'the tokens are gone';
    const found = JSON.stringify(listTokens(file));
    if (tokens !== null && found === tokens) return null;
    // A change that was not acknowledged is there as a whole, or not at all.
    return under.tokens && later[0] === found ? null : `other tokens: ${found.slice(0, 300)}`;
  };

  const caFault = async (data: string): Promise<string | null> => {
    // What was never there is made, as at every first start.
    if (ca === null && !existsSync(join(data, 'certificates', 'ca-key.pem'))) return null;
    const opened = await openLocalAuthority(data, NAMES, () => ca?.wallMs ?? Date.now());
    const server = new X509Certificate(readFileSync(opened.serverFile));
    if (!server.checkIssued(new X509Certificate(opened.caPem()))) return 'the server has no certificate of the CA';
    return ca === null || under.ca || opened.fingerprint() === ca.fingerprint ? null : 'another CA';
  };

  const restoredFault = async (disk: string): Promise<string | null> => {
    const restored = join(disk, 'restored');
    const names = existsSync(restored) ? readdirSync(restored) : [];
    if (names.includes('UNFINISHED')) return done.restore ? 'a restore that was done is unfinished' : null;
    const isWhole = names.includes('tokens.json') && names.includes('history.duckdb');
    if (!isWhole)
      return done.restore || names.some((name) => !/^lock|^\.write-test/.test(name)) ? `of a restore: ${names}` : null;
    for (const name of ['tokens.json', 'history.duckdb', join('certificates', 'ca-key.pem')]) {
      const [made, of] = [await sumOf(join(restored, name)), await sumOf(join(disk, 'backup', name))];
      if (made.sha256 !== of.sha256) return `${name} was restored otherwise`;
    }
    return null;
  };

  const backupFault = async (disk: string, scratch: string | null): Promise<null> => {
    if (done.backup && scratch !== null) await restoreBackup(join(disk, 'backup'), join(scratch, 'again'));
    return null;
  };

  return {
    take(text) {
      const mark = JSON.parse(text) as FilesMark;
      if (mark.is === 'begin') under[mark.what] = true;
      else {
        under[mark.is] = false;
        if (mark.is === 'tokens') tokens = later.shift() ?? null;
        else if (mark.is === 'ca') ca = mark;
        else done[mark.is] = true;
      }
    },
    promised: () =>
      (tokens === null ? 0 : (JSON.parse(tokens) as unknown[]).length) +
      [ca !== null, done.backup, done.restore].filter(Boolean).length,
    async faultsOf(disk, scratch) {
      const data = join(disk, 'data');
      if (!existsSync(data)) return tokens === null ? [] : ['the data folder is gone'];
      const faults: string[] = readable(disk);
      const looks = [
        () => tokenFault(tokenFileOf(data)),
        () => caFault(data),
        () => backupFault(disk, scratch),
        () => restoredFault(disk),
      ];
      for (const look of looks) {
        try {
          const fault = await look();
          if (fault !== null) faults.push(fault);
        } catch (error) {
          faults.push(messageOf(error));
        }
      }
      if (existsSync(join(data, 'RECORDED')) && !existsSync(join(data, 'history.duckdb'))) {
        faults.push('RECORDED without a history: the start would say that it is gone');
      }
      return faults;
    },
  };
}

/** Files and folders that others than their owner may read. */
function readable(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = statSync(path);
    const own = (stat.mode & 0o077) === 0 ? [] : [`others may read ${path}`];
    return stat.isDirectory() ? [...own, ...readable(path)] : own;
  });
}
