import * as fs from 'node:fs';
import { type Logger, messageOf, systemCode } from '../../base/index.ts';
import type { Token } from './token.ts';
import { readTokenFile, type TokenFile, type Tokens } from './token-file.ts';

/** The tokens as a running server knows them; follows the file. */
export type TokenReader = {
  /** The token of a key. The same object for as long as the token is unchanged. */
  readonly get: (key: string) => Token | undefined;
  readonly size: () => number;
  /** What salts for unknown keys are made from; null while the file has none. */
  readonly decoySecret: () => string | null;
  /** Looks at the file now; true when the tokens may have changed. */
  readonly refresh: () => boolean;
  /** True while the file cannot be used: nobody new can be checked. Who is known stays. */
  readonly broken: () => boolean;
  /** Called with the keys whose right has ended or changed; `isGone`: there is no such token any more, or another one. */
  readonly onEnded: (listener: (key: string, isGone: boolean) => void) => void;
  readonly close: () => void;
};

/** Repeats `work` until the function that it returns is called. */
export type Repeat = (work: () => void, everyMs: number) => () => void;

const POLL_MS = 500;

/** Opens the tokens; throws an OperatorError when the file cannot be used, so that Sonde does not start half open. */
export function openTokenReader(
  file: string,
  logger: Logger,
  repeat: Repeat = repeatInBackground,
  read: (file: string) => TokenFile = readTokenFile,
): TokenReader {
  let stamp = stampOf(file);
  let { tokens, decoySecret } = read(file);
  warnOfReaders(file, logger);
  let fault: string | null = null;
  const listeners: ((key: string, isGone: boolean) => void)[] = [];

  const refresh = (): boolean => {
    const seen = stampOf(file);
    if (seen === stamp) return false;
    stamp = seen;
    try {
      // Somebody is restoring or moving it, or it is lost: no token was revoked by that.
      if (seen === 'ENOENT' && tokens.size > 0) throw new Error(`the token file ${file} is gone`);
      const found = read(file);
      const next = keepSame(tokens, found.tokens);
      decoySecret = found.decoySecret;
      const ended = [...tokens.values()].filter((token) => next.get(token.key) !== token);
      tokens = next;
      if (fault !== null) logger.info({ file }, 'the token file can be used again');
      fault = null;
      for (const { key, createdAt } of ended) {
        const isGone = next.get(key)?.createdAt !== createdAt;
        for (const listener of listeners) listener(key, isGone);
      }
    } catch (error) {
      const text = messageOf(error);
      if (text !== fault) logger.error({ file }, `${text}; new sign-ins with tokens are refused until it is mended`);
      fault = text;
    }
    return true;
  };

  const stop = repeat(() => {
    // What failed may have passed without a change of the file: too many open files, a disk that came back.
    if (fault !== null) stamp = '';
    refresh();
  }, POLL_MS);
  return {
    get: (key) => tokens.get(key),
    size: () => tokens.size,
    decoySecret: () => decoySecret,
    refresh,
    broken: () => fault !== null,
    onEnded: (listener) => {
      listeners.push(listener);
    },
    close: stop,
  };
}

/** The hashes are worth guessing at: Sonde writes the file for its owner only, a copy or a restore may not have. */
function warnOfReaders(file: string, logger: Logger): void {
  const mode = process.platform === 'win32' ? 0 : (fs.statSync(file, { throwIfNoEntry: false })?.mode ?? 0);
  if ((mode & 0o077) === 0) return;
  logger.warn({ file, mode: (mode & 0o777).toString(8) }, 'other users may read the token file; chmod 600 ends that');
}

/** Unchanged tokens keep their object, so that what was verified with them stays known. */
function keepSame(before: Tokens, after: Tokens): Tokens {
  const next = new Map<string, Token>();
  for (const [key, token] of after) {
    const old = before.get(key);
    next.set(key, old !== undefined && JSON.stringify(old) === JSON.stringify(token) ? old : token);
  }
  return next;
}

/** Changes whenever the file does: each replacement is another inode. */
function stampOf(file: string): string {
  try {
    const stat = fs.statSync(file, { bigint: true });
    return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
  } catch (error) {
    return systemCode(error) ?? 'unknown';
  }
}

function repeatInBackground(work: () => void, everyMs: number): () => void {
  const timer = setInterval(work, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
