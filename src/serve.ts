import type { Logger } from './base/index.ts';
import { openDataFolder, type Settings } from './config/index.ts';
import { createLog } from './log.ts';
import { ballastOf, begin } from './serve-begin.ts';
import { giveUpBallast } from './store/index.ts';

/** What `serve` needs beside its settings. */
export type ServeOptions = {
  /** Aborted to stop in good order. */
  readonly signal: AbortSignal;
  readonly version: string;
  /** Calls back when the files that may change while it runs are to be read again (SIGHUP). */
  readonly onReload: (reload: () => void) => void;
  /** Prints one line or several for the person who started it. */
  readonly print: (line: string) => void;
};

/** Ends what was begun. `sinceMs` (monotonic): when the stop began, all of which is to take less than 5 s. */
export type Closer = (sinceMs: number) => unknown;

/** A disk that does not answer keeps even the end of a process waiting. */
const STOP_ENDS_MS = 4800;

/**
 * Puts the rooms together and runs until the signal, also when that comes while it starts. Throws an OperatorError for what
 * the owner can mend.
 */
export async function serve(settings: Settings, options: ServeOptions): Promise<void> {
  const { signal } = options;
  if (signal.aborted) return;
  const logger = createLog(settings.log);
  const closers: Closer[] = [];
  const onClose = (close: Closer): void => void closers.unshift(close);
  const stop = stopInTime(signal, logger);
  try {
    giveUpBallast(settings.data, ballastOf(settings.data), logger);
    const folder = openDataFolder(settings.data);
    onClose(folder.release);
    const begun = begin(settings, folder, signal, logger, onClose);
    // Loaded while the store and history are opened.
    const { open } = await import('./serve-open.ts');
    await open(settings, options, begun, onClose);
    await aborted(signal);
    logger.info({}, 'stopping');
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    logger.info({}, 'stopping before it was ready');
  } finally {
    const sinceMs = stop.begin();
    for (const close of closers) await close(sinceMs);
    stop.end();
  }
}

/** Sees to it that a stop ends, from the signal on or from `begin`, which answers when that was (monotonic). */
function stopInTime(signal: AbortSignal, logger: Logger): { readonly begin: () => number; readonly end: () => void } {
  let sinceMs: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  const begin = (): number => {
    if (sinceMs !== null) return sinceMs;
    timer = setTimeout(() => {
      logger.error(
        {},
        'the disk does not answer: Sonde leaves without closing its store. Nothing acknowledged is lost; the next start looks at all of it',
      );
      process.kill(process.pid, 'SIGKILL'); // an exit would wait for what is asked of the disk
    }, STOP_ENDS_MS);
    sinceMs = performance.now();
    return sinceMs;
  };
  signal.addEventListener('abort', begin, { once: true });
  return { begin, end: () => clearTimeout(timer) };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
