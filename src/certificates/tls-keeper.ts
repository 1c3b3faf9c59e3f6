import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import type { SecureContextOptions, Server, TlsOptions } from 'node:tls';
import { type Logger, messageOf, OperatorError, systemCode } from '../base/index.ts';
import { buildContexts, type Contexts } from './contexts.ts';
import { filesOf, type Loaded, loadCertificates } from './load.ts';
import type { TlsSettings } from './settings.ts';

/** The certificates of one TLS listener, for as long as it runs: read, checked, and read again when their files change. */
export type TlsKeeper = {
  readonly settings: TlsSettings;
  /** For `tls.createServer` and `https.createServer`. */
  readonly options: TlsOptions;
  /** Whether TLS has to be begun with the options of the name that a client asks for: see `contexts.ts`. */
  readonly namesDiffer: () => boolean;
  /** Null: those of `options`. The same object until the certificates are read again. */
  readonly optionsFor: (serverName: string) => SecureContextOptions | null;
  /** From now on the server gets every new certificate. */
  readonly keep: (server: Server) => void;
  /** Reads the files now. What is broken is said, and the old certificates stay. */
  readonly reload: () => void;
  readonly close: () => void;
};

/** Repeats `work` until the function that it returns is called. */
export type Repeat = (work: () => void, everyMs: number) => () => void;

export type KeeperOptions = {
  readonly settings: TlsSettings;
  /** The file with the local CA's server certificate; null where the settings name others. */
  readonly local: string | null;
  readonly logger: Logger;
  readonly wallMs?: () => number;
  readonly repeat?: Repeat;
};

const POLL_MS = 2000;
const DAY_MS = 24 * 3600 * 1000;
const WARN_BEFORE_DAYS = 14;

/** Opens the certificates; throws an OperatorError when they cannot be used, so that nothing starts without them. */
export function openTlsKeeper({ settings, local, logger, ...more }: KeeperOptions): TlsKeeper {
  const wallMs = more.wallMs ?? Date.now;
  const files = filesOf(settings, local);
  const servers: Server[] = [];
  // A session of another listener, which may ask clients for another certificate or none, is not taken up here.
  const id = randomBytes(16).toString('hex');
  let stamp = stampOf(files);
  let seen = stamp;
  let fault: string | null = null;
  let contexts = build(settings, load(), id);
  let warnedMs = wallMs();

  function load(): Loaded {
    const loaded = loadCertificates(settings, local);
    warnOfEnd(loaded, wallMs(), logger);
    return loaded;
  }

  const take = (): void => {
    stamp = stampOf(files);
    seen = stamp;
    try {
      // New ticket keys too: nobody takes up a session that a withdrawn certificate or CA began.
      contexts = build(settings, load(), id);
      for (const server of servers) server.setSecureContext(contexts.fallback);
      logger.info({ files: files.join(' ') }, 'certificates read; new connections get them');
      fault = null;
    } catch (error) {
      const text = messageOf(error);
      if (text !== fault) logger.error({}, `${text}; the certificates that were read before stay in use`);
      fault = text;
    }
  };

  const look = (): void => {
    if (wallMs() - warnedMs >= DAY_MS) {
      warnedMs = wallMs();
      take(); // once a day: new ticket keys, and a word about what ends soon
      return;
    }
    const now = stampOf(files);
    const isStill = now === seen;
    seen = now;
    // Certificate and key are two files: read when neither has changed since the last look.
    if (isStill && (now !== stamp || fault !== null)) take();
  };

  const stop = (more.repeat ?? repeatInBackground)(look, POLL_MS);
  return {
    settings,
    options: {
      ...contexts.fallback,
      SNICallback: (name, done) => done(null, contexts.forName(name)),
      requestCert: settings.clientCertificates !== 'none',
      rejectUnauthorized: settings.clientCertificates === 'require',
    },
    namesDiffer: () => contexts.mixed,
    optionsFor: (serverName) => contexts.optionsFor(serverName),
    keep: (server) => {
      servers.push(server);
      server.setSecureContext(contexts.fallback);
    },
    reload: take,
    close: stop,
  };
}

function build(settings: TlsSettings, loaded: Loaded, id: string): Contexts {
  try {
    return buildContexts(settings, loaded, randomBytes(48), id);
  } catch (error) {
    const names = loaded.servers.map(({ file }) => file).join(' and ');
    throw new OperatorError(`TLS cannot use ${names}: ${messageOf(error)}`, 'Use another certificate.', {
      cause: error,
    });
  }
}

function warnOfEnd({ servers }: Loaded, nowMs: number, logger: Logger): void {
  for (const { file, x509 } of servers) {
    const days = (Date.parse(x509.validTo) - nowMs) / DAY_MS;
    if (days > WARN_BEFORE_DAYS) continue;
    const what = days < 0 ? 'a certificate has ended: clients that check it refuse it' : 'a certificate ends soon';
    logger.warn({ file, validTo: x509.validTo }, what);
  }
}

/** Changes whenever one of the files does, or comes, or goes. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = fs.statSync(file, { bigint: true });
        return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
      } catch (error) {
        return systemCode(error) ?? 'unknown';
      }
    })
    .join();
}

/** With a timer that keeps no process alive. */
export function repeatInBackground(work: () => void, everyMs: number): () => void {
  const timer = setInterval(work, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
