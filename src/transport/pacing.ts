import type { Clock, Reached } from '../base/index.ts';

export type PacingLimits = {
  /** Connections that begin in a second, of all addresses together. */
  readonly maxConnectionsPerS: number;
  /** Connections of one address that have begun and have not signed in. */
  readonly maxPendingPerAddress: number;
  /** Accepted connections that wait to begin; one more is closed at once. */
  readonly maxWaitingConnections: number;
};

export const DEFAULT_PACING: PacingLimits = {
  maxConnectionsPerS: 2000,
  maxPendingPerAddress: 250,
  maxWaitingConnections: 20_000,
};

/** What a connection holds from its beginning until it has signed in. */
export type Place = {
  /** It has signed in, or is gone. May be called again. */
  readonly leave: () => void;
};

/** A connection that has been accepted and asks to begin. */
export type Comer = {
  /** As far as it is known: of a proxy's client, that client's. */
  readonly address: string;
  /** Its turn has come; within `enter` when nobody waits. */
  readonly begin: (place: Place) => void;
  /** There is no room to wait: it is to be closed. */
  readonly refuse: (limit: number) => void;
};

/**
 * Lets connections in at a pace that leaves time for those that are in already: 10,000 devices that come back at once after
 * a power cut are accepted, and wait unread until their turn comes. Addresses take turns, so that one that sends many does
 * not keep the others out; within an address, who came first is first.
 */
export type Pacer = {
  /** Returns what to call when the connection is gone before its turn. */
  readonly enter: (comer: Comer) => () => void;
  readonly waiting: () => number;
  readonly pending: () => number;
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

type Address = { readonly name: string; pending: number; readonly comers: Set<Comer> };

/** Who has not come for so long may begin so many at once. */
const BURST_MS = 100;
/** How soon those who wait for memory are looked at again. */
const LOOK_AGAIN_MS = 250;
const NOTHING = (): void => {};

export function createPacer({
  clock,
  reached,
  limits,
  isFull: isShort = () => false,
  later = inBackground,
}: PacerOptions): Pacer {
  const { maxConnectionsPerS, maxPendingPerAddress, maxWaitingConnections } = { ...DEFAULT_PACING, ...limits };
  const addresses = new Map<string, Address>();
  /** Those whose first comer waits for nothing but its turn. */
  const ready = new Set<Address>();
  const burst = Math.max(1, (maxConnectionsPerS * BURST_MS) / 1000);
  let tokens = burst;
  let refilledMs = clock.monotonicMs();
  let waiting = 0;
  let pending = 0;
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
    const made: Address = { name, pending: 0, comers: new Set() };
    addresses.set(name, made);
    return made;
  };

  const forget = (address: Address): void => {
    if (address.comers.size === 0) ready.delete(address);
    if (address.comers.size === 0 && address.pending === 0) addresses.delete(address.name);
  };

  const begin = (address: Address, comer: Comer): void => {
    tokens -= 1;
    address.pending += 1;
    pending += 1;
    let isIn = true;
    comer.begin({
      leave() {
        if (!isIn) return;
        isIn = false;
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

  /** Whose turn has come begins. */
  const work = (): void => {
    isScheduled = false;
    while (ready.size > 0 && mayBegin()) {
      const [address] = ready as Iterable<Address>;
      if (address === undefined) break;
      ready.delete(address);
      const [comer] = address.comers;
      if (comer === undefined || address.pending >= maxPendingPerAddress) continue;
      address.comers.delete(comer);
      waiting -= 1;
      begin(address, comer);
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
        begin(address, comer);
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
      address.comers.add(comer);
      waiting += 1;
      if (!isFull) {
        ready.add(address);
        schedule(Math.ceil(Math.max(0, (1 - tokens) * 1000) / maxConnectionsPerS));
      }
      return () => {
        if (!address.comers.delete(comer)) return;
        waiting -= 1;
        forget(address);
      };
    },
    waiting: () => waiting,
    pending: () => pending,
    close() {
      isClosed = true;
      const all = [...addresses.values()].flatMap(({ comers }) => [...comers]);
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
