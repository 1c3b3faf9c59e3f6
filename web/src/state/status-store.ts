import type { ServerStatus } from '../model/digest.ts';
import { parseStatus, STATUS_DIGEST } from '../model/digest.ts';
import type { Health } from '../model/health.ts';
import { healthOf } from '../model/health.ts';
import type { SureCommit } from '../model/sure-commit.ts';
import { NOTHING_SURE, nextSure } from '../model/sure-commit.ts';
import type { Link } from '../net/link.ts';

export type StatusSnapshot = {
  readonly status: ServerStatus | null;
  readonly health: Health;
  /** Counts connections. */
  readonly epoch: number;
  /** Microseconds: what arrived until then is on disk; null while that is not known. */
  readonly sureUs: number | null;
};

/** What the server says of itself, with what the page sees of the connection. */
export type StatusStore = {
  readonly snapshot: () => StatusSnapshot;
  readonly subscribe: (listener: () => void) => () => void;
  readonly end: () => void;
};

export function createStatusStore(link: Link): StatusStore {
  const listeners = new Set<() => void>();
  let status: ServerStatus | null = null;
  let heardMs: number | null = null;
  let sure: SureCommit = NOTHING_SURE;
  let snapshot = make();

  function make(): StatusSnapshot {
    const { phase, detail, sinceMs, epoch } = link.state();
    const nowMs = performance.now();
    // A report of an earlier connection says nothing about this one.
    const ageMs = heardMs === null || heardMs < sinceMs ? null : nowMs - heardMs;
    const connectedForMs = nowMs - sinceMs;
    return {
      status,
      epoch,
      sureUs: sure.sureUs,
      health: healthOf({ phase, linkDetail: detail, status, statusAgeMs: ageMs, connectedForMs }),
    };
  }

  const commit = (): void => {
    snapshot = make();
    for (const listener of listeners) listener();
  };

  const stopWatch = link.watch(STATUS_DIGEST, (text) => {
    const next = parseStatus(text);
    if (next === null) return;
    status = next;
    sure = nextSure(sure, next.history.lastCommitUs, next.history.state === 'ok');
    heardMs = performance.now();
    commit();
  });
  const stopState = link.onState(commit);
  // Silence makes no event: it must be looked for.
  const timer = setInterval(() => {
    if (make().health.words !== snapshot.health.words) commit();
  }, 1000);

  return {
    snapshot: () => snapshot,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    end: () => {
      clearInterval(timer);
      stopWatch();
      stopState();
    },
  };
}
