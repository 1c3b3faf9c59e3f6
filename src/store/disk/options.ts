import type { Clock, Logger } from '../../base/index.ts';
import type { Store } from '../port.ts';
import type { InspectTable } from './check/inspect-child.ts';
import type { CopyTable } from './copy/copy-child.ts';
import type { Damage } from './damage.ts';

export type DiskStoreOptions = {
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `sync`: a commit is done when it is on disk. `async`: at once; the system has it within milliseconds, the disk within a second. */
  readonly durability: 'sync' | 'async';
  /** Of a segment of the log; tests take small ones. */
  readonly segmentBytes?: number;
  /** The table follows the log so long after a change, in ms; 1000 when not given. */
  readonly tableMs?: number;
  /** Looks at the table when the last stop was not in good order; in a child process when not given. */
  readonly inspect?: InspectTable;
  /** Copies the table for a backup; in a child process when not given. */
  readonly copyTable?: CopyTable;
  /** Ends the opening, which then rejects with the signal's reason; the store is as it was. */
  readonly stop?: AbortSignal;
};

/** A store on disk, with what was found when it was opened. */
export type DiskStore = Store & {
  /** All that was found damaged since it was opened; grows. `damageText` makes a sentence of it. */
  readonly damage: readonly Damage[];
  /** Resolves when the table has all that was changed until now, and what nobody wants of the log is free. */
  readonly caughtUp: () => Promise<void>;
  /** What the table takes on disk. */
  readonly tableBytes: () => number;
  /** Writes are failing: nothing is acknowledged until they succeed. */
  readonly failing: () => boolean;
  /**
   * Copies all of it into an empty folder, as of one moment, while it is in use; until `stop`, and then nothing is left of it. The copy is a
   * store: see docs/storage.md.
   */
  readonly backup: (folder: string, stop?: AbortSignal) => Promise<void>;
  /** A disk that takes nothing is waited for 2 s, or until `byMs` (monotonic) where that is earlier. */
  readonly close: (byMs?: number) => Promise<void>;
};
