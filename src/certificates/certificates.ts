import { type Logger, messageOf } from '../base/index.ts';
import { type LocalAuthority, openLocalAuthority } from './local-authority.ts';
import { machineNames, type Names } from './machine-names.ts';
import type { TlsSettings } from './settings.ts';
import { openTlsKeeper, type Repeat, repeatInBackground, type TlsKeeper } from './tls-keeper.ts';

/** All certificates of a running server. */
export type Certificates = {
  /** The certificates of one more listener. */
  readonly open: (settings: TlsSettings) => Promise<TlsKeeper>;
  /** The local CA, once a listener needed it. */
  readonly local: () => LocalAuthority | null;
  /** Reads all files again. */
  readonly reload: () => void;
  readonly close: () => void;
};

export type CertificatesOptions = {
  readonly dataFolder: string;
  readonly logger: Logger;
  readonly repeat?: Repeat;
  /** How this machine can be called now, and `more`; a test gives its own. */
  readonly names?: (more: readonly string[]) => Names;
};

/** How often the machine is asked for its names: a laptop changes its network. */
const NAMES_MS = 30_000;

/** Nothing is made or read before a listener asks for it. */
export function createCertificates(options: CertificatesOptions): Certificates {
  const { dataFolder, logger, repeat = repeatInBackground, names: namesNow = machineNames } = options;
  const keepers: TlsKeeper[] = [];
  const names = new Set<string>();
  let authority: LocalAuthority | null = null;
  let stop = (): void => {};

  const renew = async (from: LocalAuthority): Promise<void> => {
    try {
      // The keepers see the new file by themselves.
      if (await from.renew(namesNow([...names]))) {
        logger.info(
          { file: from.serverFile },
          'a new certificate of the local CA: the names changed, or it ended soon',
        );
      }
    } catch (error) {
      logger.error({}, messageOf(error));
    }
  };

  const openAuthority = async (wanted: readonly string[]): Promise<LocalAuthority> => {
    for (const name of wanted) names.add(name);
    if (authority !== null) {
      await authority.renew(namesNow([...names]));
      return authority;
    }
    const opened = await openLocalAuthority(dataFolder, namesNow([...names]));
    stop = repeat(() => void renew(opened), NAMES_MS);
    authority = opened;
    return opened;
  };

  return {
    open: async (settings) => {
      const local = settings.cert.length > 0 ? null : (await openAuthority(settings.names)).serverFile;
      const keeper = openTlsKeeper({ settings, local, logger, repeat });
      keepers.push(keeper);
      return keeper;
    },
    local: () => authority,
    reload: () => {
      for (const keeper of keepers) keeper.reload();
    },
    close: () => {
      stop();
      for (const keeper of keepers) keeper.close();
    },
  };
}
