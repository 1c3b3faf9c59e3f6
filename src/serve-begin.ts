import { join } from 'node:path';
import { type CreatedToken, createFirstToken, tokenFileOf } from './access/index.ts';
import { type Clock, type Logger, nothingReached, type Reached, systemClock } from './base/index.ts';
import {
  BALLAST_FILE,
  type DataFolder,
  type GoneFiles,
  goneFiles,
  HISTORY_FILE,
  hasHistory,
  type Settings,
  STORE_FOLDER,
} from './config/index.ts';
import { createHistory, type History } from './history/index.ts';
import type { Closer } from './serve.ts';
import { createGoneNotes, type GoneNotes } from './serve-gone.ts';
import { type DiskStore, openDiskStore } from './store/index.ts';

/** From the beginning of a stop on. Before history: clients are told, and requests under way have a second. */
const HISTORY_ENDS_MS = 3300;
const STORE_ENDS_MS = 4300;

/** What takes time and needs no other room. A promise that nobody awaits ends nothing. */
export type Begun = {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reached: Reached;
  readonly gone: GoneNotes;
  readonly isGone: GoneFiles;
  readonly isNewHistory: boolean;
  /** Null: there was a token file. */
  readonly firstToken: Promise<CreatedToken | null>;
  readonly store: Promise<DiskStore>;
  readonly history: History | null;
  /** History has its database open. */
  readonly started: Promise<void>;
  /** The name of the data folder is durable. */
  readonly named: Promise<void>;
};

/**
 * Begins what a start has to wait for, side by side: history's process loads its libraries, the first token is made, then both
 * databases are opened. Tokens come first: a folder that has more is one whose token file is gone.
 */
export function begin(
  settings: Settings,
  folder: DataFolder,
  stop: AbortSignal,
  logger: Logger,
  onClose: (close: Closer) => void,
): Begun {
  const clock = systemClock((stepMs) => {
    logger.warn(
      { stepMs: Math.round(stepMs) },
      'the wall clock was stepped: time stamps follow it, nothing expires by it',
    );
  });
  const reached = nothingReached();
  const tokenFile = tokenFileOf(settings.data);
  const historyFile = join(settings.data, HISTORY_FILE);
  const isNewHistory = !hasHistory(settings.data);
  const isGone = goneFiles(settings.data, tokenFile);
  const gone = createGoneNotes(settings.data, logger);
  const history = settings.history === 'off' ? null : openHistory(settings, historyFile, clock, logger, reached);
  const firstToken = createFirstToken(tokenFile);
  const started = history?.start(firstToken) ?? Promise.resolve();
  const { durability } = settings;
  const store = firstToken.then(() =>
    openDiskStore({ folder: join(settings.data, STORE_FOLDER), clock, logger, durability, stop }),
  );
  for (const work of [firstToken, started, store]) work.catch(() => {});
  // Last: history reads its queue until it has stopped.
  onClose(async (sinceMs) => {
    await store.then(
      (opened) => opened.close(sinceMs + STORE_ENDS_MS),
      () => {}, // said already
    );
  });
  if (history) onClose((sinceMs) => history.stop(sinceMs + HISTORY_ENDS_MS));
  const { named } = folder;
  return { clock, logger, reached, gone, isGone, isNewHistory, firstToken, store, history, started, named };
}

/** The file of a data folder that holds room for a start on a full disk. */
export const ballastOf = (data: string): string => join(data, BALLAST_FILE);

function openHistory({ limits }: Settings, file: string, clock: Clock, logger: Logger, reached: Reached): History {
  return createHistory({
    file,
    logger,
    clock,
    reached,
    maxSeries: limits.maxSeries,
    maxJsonDepth: limits.maxJsonDepth,
    maxPathsPerPayload: limits.maxJsonPaths,
    maxTextLength: limits.maxJsonTextChars,
    qos0BufferBytes: limits.qos0BufferBytes,
    memoryLimitMb: Math.ceil(limits.historyMemoryBytes / (1024 * 1024)),
    maxQueries: limits.historyQueries,
    queryTimeoutMs: limits.historyQueryTimeoutS * 1000,
  });
}
