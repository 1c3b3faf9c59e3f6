import type { Clock, Reached } from '../base/index.ts';
import { type Held, type Holder, LOOK_AGAIN_MS, MOMENT_MS, makeRoom, type Silence } from './silent.ts';

export type PacingLimits = {
  /** Connections that begin in a second, of all addresses together. */
  readonly maxConnectionsPerS: number;
  /** Connections of one address that have begun and have not signed in. */
  readonly maxPendingPerAddress: number;
  /** Connections of one address that owe their CONNECT and gave their place up to others of it. */
  readonly maxSilentPerAddress: number;
  /** Accepted connections that wait to begin; one more is closed at once. */
  readonly maxWaitingConnections: number;
};

export const DEFAULT_PACING: PacingLimits = {
  maxConnectionsPerS: 2000,
  maxPendingPerAddress: 250,
  maxSilentPerAddress: 1000,
  maxWaitingConnections: 20_000,
};

/** What a connection holds from its beginning until it has signed in. */
export type Place = {
  /** Who is asked whether it is silent. Called again when from now on another is, as after a TLS handshake. */
  readonly heldBy: (holder: Holder) => void;
  /** It has signed in, or is gone. May be called again. */
  readonly leave: () => void;
};

/** A connection that has been accepted and asks to begin. */
export type Comer = {
  /** As far as it is known: of a proxy's client, that client's. */
  readonly address: string;
  /** It has said something already, and says no more before it is answered: a WebSocket's upgrade. */
  readonly isOwedAnswer?: boolean;
  /** Its turn has come; within `enter` when nobody waits. */
  readonly begin: (place: Place) => void;
  /** There is no room to wait: it is to be closed. */
  readonly refuse: (limit: number) => void;
};

/**
 * Lets connections in at a pace that leaves time for those that are in already: 10,000 devices that come back at once after
 * a power cut are accepted, and wait unread until their turn comes. Addresses take turns, so that one that sends many does
 * not keep the others out; within an address, who came first is first, and who says nothing makes room (`silent.ts`).
 */
export type Pacer = {
  /** Returns what to call when the connection is gone before its turn. */
  readonly enter: (comer: Comer) => () => void;
  readonly waiting: () => number;
  /** Connections that hold a place. */
  readonly pending: () => number;
  /** Connections that gave theirs up, and have not signed in. */
  readonly silent: () => number;
  /** Refuses all who wait, and all who come later. */
  readonly close: () => void;
};

export type PacerOptions = {
  readonly clock: Clock;
  readonly reached: Reached;
  readonly limits?: Partial<PacingLimits>;
  /** While it says yes nobody begins, and all wait. */
  readonly isFull?: () => boolean;
  /** Calls back once, and does not keep the program running; a test gives its own. */
  readonly later?: (work: () => void, ms: number) => void;
};

type Address = Silence & {
  readonly name: string;
  pending: number;
  /** Those who wait, and when (monotonic) they came. */
  readonly comers: Map<Comer, number>;
  /** It is going to be looked at. */
  isWatched: boolean;
};

/** Who has not come for so long may begin so many at once. */
const BURST_MS = 100;
const NOTHING = (): void => {};
const NOBODY: Holder = { isSilent: () => false, destroy: NOTHING };

export function createPacer({
  clock,
  reached,
  limits,
  isFull: isShort = () => false,
  later = inBackground,
}: PacerOptions): Pacer {
  const { maxConnectionsPerS, maxPendingPerAddress, maxSilentPerAddress, maxWaitingConnections } = {
    ...DEFAULT_PACING,
    ...limits,
  };
  const addresses = new Map<string, Address>();
  /** Those whose first comer waits for nothing but its turn. */
  const ready = new Set<Address>();
  const burst = Math.max(1, (maxConnectionsPerS * BURST_MS) / 1000);
  let tokens = burst;
  let refilledMs = clock.monotonicMs();
  let waiting = 0;
  let pending = 0;
  let silent = 0;
  let isScheduled = false;
  let isClosed = false;

  const mayBegin = (): boolean => {
    if (isShort()) return false;
    const nowMs = clock.monotonicMs();
    tokens = Math.min(burst, tokens + ((nowMs - refilledMs) * maxConnectionsPerS) / 1000);
    refilledMs = nowMs;
    return tokens >= 1;
  };

  const addressOf = (name: string): Address => {
    const known = addresses.get(name);
    if (known !== undefined) return known;
    const made = {
      name,
      pending: 0,
      comers: new Map<Comer, number>(),
      isWatched: false,
      quiet: new Set<Held>(),
      aside: new Set<Held>(),
    };
    addresses.set(name, made);
    return made;
  };

  const forget = (address: Address): void => {
    if (address.comers.size === 0) ready.delete(address);
    if (address.comers.size > 0 || address.pending > 0 || address.aside.size > 0) return;
    if (addresses.get(address.name) === address) addresses.delete(address.name);
  };

  const begin = (address: Address, comer: Comer, cameMs: number): void => {
    tokens -= 1;
    address.pending += 1;
    pending += 1;
    let isIn = true;
    const held: Held = { holder: NOBODY, sinceMs: 0, silentSinceMs: 0, answered: 0, isSuspect: false, isAside: false };
    comer.begin({
      heldBy(holder) {
        if (!isIn) return;
        const nowMs = clock.monotonicMs();
        // What it sent while it waited is read at once.
        const couldSpeakMs = held.holder === NOBODY && comer.isOwedAnswer !== true ? cameMs : nowMs;
        Object.assign(held, { holder, sinceMs: nowMs, silentSinceMs: couldSpeakMs, answered: 0, isSuspect: false });
        const among = held.isAside ? address.aside : address.quiet;
        among.delete(held);
        among.add(held);
        if (address.comers.size > 0) watch(address, MOMENT_MS);
      },
      leave() {
        if (!isIn) return;
        isIn = false;
        if (held.isAside) {
          address.aside.delete(held);
          silent -= 1;
          forget(address);
          return;
        }
        address.quiet.delete(held);
        address.pending -= 1;
        pending -= 1;
        if (address.comers.size > 0) {
          ready.add(address);
          schedule(0);
        }
        forget(address);
      },
    });
  };

  const schedule = (ms: number): void => {
    if (isScheduled) return;
    isScheduled = true;
    later(work, ms);
  };

  /** Has an address looked at after so long; once, however often it is asked for until then. */
  const watch = (address: Address, ms: number): void => {
    if (address.isWatched) return;
    address.isWatched = true;
    later(() => look(address), ms);
  };

  /** Those of an address who say nothing make room for those who wait. */
  const look = (address: Address): void => {
    address.isWatched = false;
    const wanted = address.comers.size;
    if (wanted === 0 || address.pending < maxPendingPerAddress) return;
    if (isShort()) {
      watch(address, LOOK_AGAIN_MS);
      return;
    }
    const found = makeRoom(address, { wanted, nowMs: clock.monotonicMs(), maxAside: maxSilentPerAddress });
    reached.maxSilentPerAddress += found.closed;
    address.pending -= found.freed;
    pending -= found.freed;
    silent += found.freed;
    if (found.freed > 0) {
      ready.add(address);
      schedule(0);
    }
    if (found.againMs !== null) watch(address, found.againMs);
  };

  /** Whose turn has come begins. */
  const work = (): void => {
    isScheduled = false;
    while (ready.size > 0 && mayBegin()) {
      const [address] = ready as Iterable<Address>;
      if (address === undefined) break;
      ready.delete(address);
      const [first] = address.comers;
      if (first === undefined || address.pending >= maxPendingPerAddress) continue;
      const [comer, cameMs] = first;
      address.comers.delete(comer);
      waiting -= 1;
      begin(address, comer, cameMs);
      if (address.comers.size > 0 && address.pending < maxPendingPerAddress) ready.add(address);
      forget(address);
    }
    if (ready.size > 0) schedule(isShort() ? LOOK_AGAIN_MS : Math.ceil(((1 - tokens) * 1000) / maxConnectionsPerS));
  };

  return {
    enter(comer) {
      const address = addressOf(comer.address);
      const isFull = address.pending >= maxPendingPerAddress;
      if (!isFull && ready.size === 0 && address.comers.size === 0 && !isClosed && mayBegin()) {
        begin(address, comer, clock.monotonicMs());
        forget(address);
        return NOTHING;
      }
      if (isClosed || waiting >= maxWaitingConnections) {
        if (!isClosed) reached.maxWaitingConnections += 1;
        forget(address);
        comer.refuse(maxWaitingConnections);
        return NOTHING;
      }
      reached[isFull ? 'maxPendingPerAddress' : 'maxConnectionsPerS'] += 1;
      address.comers.set(comer, clock.monotonicMs());
      waiting += 1;
      if (!isFull) {
        ready.add(address);
        schedule(Math.ceil(Math.max(0, (1 - tokens) * 1000) / maxConnectionsPerS));
      } else watch(address, 0);
      return () => {
        if (!address.comers.delete(comer)) return;
        waiting -= 1;
        forget(address);
      };
    },
    waiting: () => waiting,
    pending: () => pending,
    silent: () => silent,
    close() {
      isClosed = true;
      const all = [...addresses.values()].flatMap(({ comers }) => [...comers.keys()]);
      ready.clear();
      for (const address of addresses.values()) address.comers.clear();
      waiting = 0;
      for (const comer of all) comer.refuse(maxWaitingConnections);
    },
  };
}

function inBackground(work: () => void, ms: number): void {
  if (ms === 0) setImmediate(work);
  else setTimeout(work, ms).unref();
}
