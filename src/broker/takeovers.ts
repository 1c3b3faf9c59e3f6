import type { Principal } from '../access/index.ts';
import { isTold, messageOf } from '../base/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';

/**
 * How often the connections of one client id took it from each other. Made at the first time and passed on from session
 * to session; it ends with the last of them, so an id that nobody disputes costs nothing.
 */
export type Takeovers = {
  count: number;
  /** Those who held the id, the first one first, none twice. */
  readonly addresses: string[];
  /** The id came back to an address that had lost it: there are two devices, not one that has moved. */
  shared: boolean;
  /** So many in a row were between two addresses and soon after the one before. */
  streak: number;
  /** So many in a row were from one address and soon after the one before. */
  ownStreak: number;
  /** Of the latest, monotonic. */
  lastMs: number;
  /** How many addresses the log has named. */
  told: number;
};

/** Two within this time belong together. Longer than the slowest answer and a device's own pause before it tries again. */
const QUICK_MS = 30_000;
/** So many in a row are let pass: a telephone changes its network, a device restarts. */
const PATIENCE = 3;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 4000;
/** So many in a row from one address are told of. */
const OWN_STREAK = 5;
/** Without another take-over for so long the id counts as undisputed again. */
const FORGOTTEN_AFTER_MS = 600_000;
/** More are not named. */
const MAX_ADDRESSES = 8;

/**
 * Milliseconds that a CONNECT waits before it may take its client id from the connection that has it: 0 unless devices at
 * two addresses take it from each other again and again. Never refused: which of them is the right one, nobody here knows.
 */
export function waitToTakeOver(core: BrokerCore, holder: Client, connection: Connection): number {
  const known = holder.takeovers;
  const before = holder.connection?.wire.remote.address;
  if (known === null || before === connection.wire.remote.address) return 0;
  if (known.streak < PATIENCE || core.clock.monotonicMs() - known.lastMs > QUICK_MS) return 0;
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (known.streak - PATIENCE), MAX_WAIT_MS);
  return Math.min(waitMs, core.limits.connectTimeoutS * 500);
}

/** Goes on with a CONNECT later. Meanwhile nothing more is read from its sender, and who has the client id keeps it. */
export function admitLater(
  core: BrokerCore,
  connection: Connection,
  principal: Principal,
  waitMs: number,
  goOn: () => void,
): void {
  connection.hold();
  core.slowedDown.set(connection, {
    principal,
    dueMs: core.clock.monotonicMs() + waitMs,
    goOn() {
      try {
        goOn();
      } catch (error) {
        connection.abort(messageOf(error));
      }
      connection.unhold();
      connection.resumeReading();
    },
  });
}

/** A connection takes the id from the one that has it: counted, and told. To be called before the other one ends. */
export function noteTakeover(core: BrokerCore, holder: Client, connection: Connection): Takeovers {
  const before = holder.connection?.wire.remote.address ?? '';
  const { address } = connection.wire.remote;
  const now = core.clock.monotonicMs();
  const client = holder.session.clientId;
  const known = current(holder.takeovers, now) ?? newTakeovers(before);
  const quick = now - known.lastMs <= QUICK_MS;
  known.count += 1;
  known.lastMs = now;
  if (isTold(known.count)) {
    core.logger.info({ client, address, before, takeovers: known.count }, 'session taken over by a new connection');
  }
  if (address === before) {
    known.streak = 0;
    known.ownStreak = quick ? known.ownStreak + 1 : 1;
    if (known.ownStreak === OWN_STREAK) {
      const text = `the client id ${client} is taken over again and again from ${address}: two programs there use it, or one that opens a new connection without closing the old one`;
      core.logger.warn({ client, address }, text);
    }
    return known;
  }
  known.ownStreak = 0;
  known.streak = quick ? known.streak + 1 : 1;
  if (known.addresses.includes(address)) known.shared = true;
  else if (known.addresses.length < MAX_ADDRESSES) known.addresses.push(address);
  if (known.shared && known.told < known.addresses.length) {
    known.told = known.addresses.length;
    core.logger.warn(
      { client, addresses: [...known.addresses] },
      `${NUMBERS[known.told] ?? known.told} devices use the client id ${client}: ${listed(known.addresses)}. Each connection ends the other's: give every device an id of its own`,
    );
  }
  return known;
}

/** The addresses of the devices that share a client id, or none. */
export function sharedBy(takeovers: Takeovers | null, nowMs: number): readonly string[] {
  const known = current(takeovers, nowMs);
  return known?.shared ? known.addresses : [];
}

function current(known: Takeovers | null, nowMs: number): Takeovers | null {
  return known !== null && nowMs - known.lastMs <= FORGOTTEN_AFTER_MS ? known : null;
}

function newTakeovers(holder: string): Takeovers {
  const none = { count: 0, shared: false, streak: 0, ownStreak: 0, told: 0 };
  return { ...none, addresses: [holder], lastMs: Number.NEGATIVE_INFINITY };
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

const NUMBERS = ['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];
