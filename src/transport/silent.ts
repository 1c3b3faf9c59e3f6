/*
 * Connections of one address that have not signed in are bounded, and later ones wait. One that says nothing would hold its
 * place for its whole time to CONNECT, and a thousand of them would keep a school behind the same address waiting for most
 * of a minute. So where others of its address wait, a connection that owes its CONNECT gives its place up after a moment. It
 * stays open, and is read as before: a slow device loses nothing. Only so many of an address may be so; beyond, the one that
 * has been silent longest is closed, if that is long.
 */

/** Who holds a place: to be asked, and ended. */
export type Holder = {
  /** It is its peer's turn to say something: what it has sent until now is no whole CONNECT. */
  readonly isSilent: () => boolean;
  /** Of one that is answered in between: grows with each answer, and it is its peer's turn anew. */
  readonly answered?: () => number;
  readonly destroy: () => void;
};

/** A place that is held. */
export type Held = {
  holder: Holder;
  /** Monotonic: since when it is `holder` who is asked; and since when its peer could have spoken. */
  sinceMs: number;
  silentSinceMs: number;
  /** What its holder's `answered` said last. */
  answered: number;
  /** It was silent when it was looked at; what had come by then may not have been read. */
  isSuspect: boolean;
  /** It gave its place up. */
  isAside: boolean;
};

/** The places of one address, those that were held first in front. */
export type Silence = {
  /** May be silent; once they have spoken they are looked at no more. */
  readonly quiet: Set<Held>;
  /** Gave their place up, and were silent when they were last looked at. */
  readonly aside: Set<Held>;
};

/** So long a place is its holder's, whoever waits. */
export const MOMENT_MS = 100;
/** Who has been silent for less is not closed. */
const LONG_MS = 3000;
/** How soon those who wait for something else than a time are looked at again. */
export const LOOK_AGAIN_MS = 250;

export type Look = { readonly wanted: number; readonly nowMs: number; readonly maxAside: number };
export type Found = {
  /** Places that were given up. */
  readonly freed: number;
  /** Connections that were closed. */
  readonly closed: number;
  /** When to look again; null: when somebody comes. */
  readonly againMs: number | null;
};

/**
 * Takes up to `wanted` places from the silent. Each is looked at twice: to be called from a timer or `setImmediate` only, since
 * between two of these the event loop reads all that has come.
 */
export function makeRoom(silence: Silence, { wanted, nowMs, maxAside }: Look): Found {
  const { quiet, aside } = silence;
  let freed = 0;
  let closed = 0;
  let againMs: number | null = null;
  for (const held of quiet) {
    if (freed === wanted) break;
    if (!held.holder.isSilent()) {
      quiet.delete(held);
      continue;
    }
    if (isAnsweredAnew(held, quiet, nowMs)) continue;
    const leftMs = held.sinceMs + MOMENT_MS - nowMs;
    if (leftMs > 0) {
      againMs ??= leftMs;
      break;
    }
    if (!held.isSuspect) {
      held.isSuspect = true;
      againMs = 0;
      continue;
    }
    const ended = aside.size < maxAside ? 'none' : endLongest(aside, nowMs);
    if (ended === null) {
      againMs = LOOK_AGAIN_MS;
      break;
    }
    if (ended === 'closed') closed += 1;
    quiet.delete(held);
    aside.add(held);
    held.isAside = true;
    freed += 1;
  }
  return { freed, closed, againMs };
}

/** Makes room among those who gave their places up; null: there is none, since nobody of them has been silent for long. */
function endLongest(aside: Set<Held>, nowMs: number): 'closed' | 'none' | null {
  for (const held of aside) {
    const hasSpoken = !held.holder.isSilent();
    if (!hasSpoken && isAnsweredAnew(held, aside, nowMs)) continue;
    if (!hasSpoken && nowMs - held.silentSinceMs < LONG_MS) return null;
    aside.delete(held);
    if (hasSpoken) return 'none';
    held.holder.destroy();
    return 'closed';
  }
  return null;
}

/** It has said what was owed, and owes the next: as one that is silent since now it goes behind the others. */
function isAnsweredAnew(held: Held, among: Set<Held>, nowMs: number): boolean {
  const answered = held.holder.answered?.() ?? 0;
  if (answered === held.answered) return false;
  Object.assign(held, { answered, sinceMs: nowMs, silentSinceMs: nowMs, isSuspect: false });
  among.delete(held);
  among.add(held);
  return true;
}
