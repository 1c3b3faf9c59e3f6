import { type Clock, type Logger, messageOf, type Reached, type TurnMeter, type Work } from '../base/index.ts';
import { type Packet, PacketType } from '../codec/index.ts';
import type { Store } from '../store/index.ts';
import type { Connection } from './connection.ts';
import { PutOff, READING_MS } from './put-off.ts';
import { AckTimes, type Timings } from './timings.ts';

/** What waits for one commit to be sent, as columns. */
type Held = {
  readonly connections: Connection[];
  /** PUBLISH: the message in flight under `ids`; an acknowledgement; or PACKET: the next one of `packets`. */
  readonly types: number[];
  readonly ids: number[];
  readonly reasons: number[];
  readonly packets: HeldPacket[];
  readonly waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[];
  readonly times: AckTimes;
  /** How far it is released, and how many of `packets` are sent. */
  released: number;
  sentPackets: number;
};

type HeldPacket = { readonly packet: Packet; readonly whenSent: () => void };

const PACKET = 0;

/** How many acknowledgements of one connection may wait before it is not read any more. */
type AckBound = { readonly most: number; readonly reached: Reached };

/*
 * What a turn may spend on each of its parts, in milliseconds, before the rest is put off to the next one (more in
 * put-off.ts); all together with what cannot be divided stays below 50.
 */

/** The little that others send beside a flood is read beyond that, up to here. */
const LIGHT_MS = 10;
const LIGHT_BYTES = 4096;
/** So much is little too of who has not been put off for so long. */
const SELDOM_BYTES = 32 * 1024;
const SELDOM_MS = 1000;
const RELEASING_MS = 3;
const RELEASES_A_LOOK = 16;
const WRITING_MS = 4;
const WRITES_A_LOOK = 32;

/**
 * What happens once per event-loop turn, however many messages came in it: one commit of what was appended to the durable
 * store, the acknowledgements that depend on it, and one write per connection that has something to send.
 */
export class Turn {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #timings: Timings;
  readonly #meter: TurnMeter;
  readonly #putOff: PutOff;
  /** Packets, and many receivers of one, since the last look at the clock. */
  unlooked = 0;
  #dirty: Connection[] = [];
  #scheduled = false;
  /** Something was appended since the last commit, and what is acknowledged now depends on it. */
  #appended = false;
  /** Something was written that no acknowledgement depends on. */
  #wrote = false;
  #held: Held = newHeld();
  /** Of the acknowledgements that the next flush writes. */
  readonly #written = new AckTimes();
  /** The last commit that is under way; acknowledgements never overtake it. */
  #committing: Promise<void> | null = null;
  #onAppended: () => void = () => {};
  #onWrote: () => void = () => {};
  readonly #bound: AckBound;

  constructor(store: Store, logger: Logger, clock: Clock, timings: Timings, meter: TurnMeter, bound: AckBound) {
    this.#bound = bound;
    this.#store = store;
    this.#logger = logger;
    this.#clock = clock;
    this.#timings = timings;
    this.#meter = meter;
    const wake = (): void => {
      if (!this.#scheduled) this.#schedule();
    };
    meter.endsWith(wake);
    this.#putOff = new PutOff(meter, wake);
  }

  /** A connection came: others may be behind it. */
  newcomer(): void {
    this.#putOff.hasNewcomer = true;
  }

  /**
   * `length` bytes of a connection that was put off last at `putOffMs` are read now. Answers whether the turn has no time left
   * for them. Times are monotonic.
   */
  reading(nowMs: number, length: number, putOffMs: number): boolean {
    const { work } = this.#meter;
    if (work !== 'reading') this.#meter.begin('reading', nowMs);
    const isLight = length <= LIGHT_BYTES || (length <= SELDOM_BYTES && nowMs - putOffMs > SELDOM_MS);
    // Behind those that brought much before it.
    if (!isLight && this.#putOff.anyUnread) return true;
    if (work === null) return false;
    return this.#meter.elapsedMs() > (isLight ? LIGHT_MS : READING_MS);
  }

  /** This turn, or what it has for work that was put off, is used up: what can wait is put off. */
  isLate(): boolean {
    return this.#putOff.isLate();
  }

  /** The connection's bytes are read on in one of the next turns, when those that were put off before had theirs. */
  readLater(connection: Connection): void {
    this.#putOff.read(connection);
  }

  /** Does something in one of the next turns, when those that asked before had theirs. */
  later(work: () => void): void {
    this.#putOff.later(work);
  }

  /** The same for what costs little itself and much behind it, where nobody looks at the clock: the end of a socket. */
  fewATurn(work: () => void): void {
    this.#putOff.few(work);
  }

  /** Goes on with something in the next turns, before what `later` was given: as often as it answers true, until `isLate`. */
  ahead(work: () => boolean): void {
    this.#putOff.ahead(work);
  }

  /** Resolves when work of a kind may begin: at once while the turn has time left, else in one of the next turns. */
  inTime(work: Work): Promise<void> {
    return this.#putOff.inTime(work);
  }

  /** `listener` is called at the end of each turn in which something was appended. */
  onAppended(listener: () => void): void {
    this.#onAppended = listener;
  }

  /** `listener` is called at the end of each turn in which something was written to the store. */
  onWrote(listener: () => void): void {
    this.#onWrote = listener;
  }

  /** The connection has something to send at the end of the turn. */
  touch(connection: Connection): void {
    if (!connection.dirty) {
      connection.dirty = true;
      this.#dirty.push(connection);
    }
    if (!this.#scheduled) this.#schedule();
  }

  /** Something was written to the durable store: what is acknowledged from now on waits for the commit. */
  appended(): void {
    this.#appended = true;
    if (!this.#scheduled) this.#schedule();
  }

  /** Something was written to the durable store that nobody waits for: it goes with the turn's commit. */
  wrote(): void {
    this.#wrote = true;
    if (!this.#scheduled) this.#schedule();
  }

  /**
   * Sends an acknowledgement now, or, when it depends on a write (or an earlier one of the same connection does), after it.
   * `cameMs`: when what is acknowledged came, monotonic.
   */
  acknowledge(connection: Connection, packetType: number, packetId: number, reason: number, cameMs: number): void {
    const ofPublish = packetType <= PacketType.PUBREC;
    if (!this.#appended && connection.heldAcks === 0) {
      if (ofPublish) this.#written.add(cameMs);
      connection.writeAck(packetType, packetId, reason);
      return;
    }
    if (ofPublish) this.#held.times.add(cameMs);
    this.#hold(connection, packetType, packetId, reason);
  }

  /** Sends the message that is in flight under an identifier once that it is, and all before it, is durable. */
  publishWhenDurable(connection: Connection, packetId: number): void {
    connection.heldPublishes += 1;
    this.#hold(connection, PacketType.PUBLISH, packetId, 0);
  }

  /** Sends a packet now, or, when it depends on a write (or an earlier one of the same connection does), after it. */
  sendWhenDurable(connection: Connection, packet: Packet, whenSent: () => void): void {
    if (!this.#appended && connection.heldAcks === 0) {
      connection.send(packet);
      whenSent();
      return;
    }
    this.#held.packets.push({ packet, whenSent });
    this.#hold(connection, PACKET, 0, 0);
  }

  #hold(connection: Connection, type: number, packetId: number, reason: number): void {
    connection.heldAcks += 1;
    if (connection.heldAcks === this.#bound.most) {
      this.#bound.reached.maxWaitingAcks += 1;
      connection.hold();
    }
    const held = this.#held;
    held.connections.push(connection);
    held.types.push(type);
    held.ids.push(packetId);
    held.reasons.push(reason);
    if (!this.#scheduled) this.#schedule();
  }

  /** Resolves when everything that was appended so far is durable; rejects when it could not be written. */
  whenDurable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#held.waiters.push({ resolve, reject });
      if (!this.#scheduled) this.#schedule();
    });
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(this.#end);
  }

  readonly #end = (): void => {
    this.#meter.begin('writing'); // before the next line, or it would ask for another turn, without end
    this.#scheduled = false;
    // What others sent beside a flood goes out before that is read on.
    if (this.#putOff.anyUnread) this.#flush();
    this.#putOff.goOn();
    const held = this.#held;
    if (this.#appended) this.#onAppended();
    if (this.#appended || this.#wrote) this.#onWrote();
    if (this.#appended || this.#wrote || held.connections.length > 0 || held.waiters.length > 0) {
      this.#held = newHeld();
      this.#commit(held);
    }
    this.#flush();
    this.#meter.end();
    if (this.#putOff.any && !this.#scheduled) this.#schedule();
  };

  #commit(held: Held): void {
    const before = this.#committing;
    const commit = this.#appended || this.#wrote ? this.#store.commit() : null;
    if (commit !== null) this.#time(commit);
    this.#appended = false;
    this.#wrote = false;
    if (commit === null && before === null && this.#release(held, this.#meter.elapsedMs() + RELEASING_MS)) return;
    // In order: this group's acknowledgements go after those of the commit before.
    const done = Promise.all([before, commit]).then(
      () => this.#releaseInTime(held),
      (error) => {
        this.#logger.error({ error: messageOf(error) }, 'the store could not be written: nothing is acknowledged');
        for (const connection of held.connections) connection.abort('the store could not be written');
        for (const { reject } of held.waiters) reject(error);
      },
    );
    this.#committing = done;
    void done.then(() => {
      if (this.#committing === done) this.#committing = null;
    });
  }

  #time(commit: Promise<void>): void {
    const startedMs = this.#clock.monotonicMs();
    commit.then(
      () => this.#timings.committed.observe((this.#clock.monotonicMs() - startedMs) / 1000),
      () => {}, // looked at where it is waited for
    );
  }

  /** A large group in several turns. Resolves when all of it is released. */
  #releaseInTime(held: Held): Promise<void> | undefined {
    this.#meter.begin('commit');
    const isDone = this.#release(held, this.#meter.elapsedMs() + RELEASING_MS);
    this.#flush();
    if (isDone) return undefined;
    return new Promise((resolve) => {
      this.ahead(() => {
        if (this.#meter.work !== 'commit') this.#meter.begin('commit');
        if (!this.#release(held, this.#putOff.lateMs)) return true;
        resolve();
        return false;
      });
    });
  }

  /** From where it stopped, as long as the turn has time. Answers whether all of it is released. */
  #release(held: Held, untilMs: number): boolean {
    const { connections, types, ids, reasons } = held;
    const from = held.released;
    for (let i = from; i < connections.length; i++) {
      const isLooked = types[i] === PACKET || i % RELEASES_A_LOOK === 0;
      if (isLooked && i > from && this.#meter.elapsedMs() > untilMs) return false;
      held.released = i + 1;
      const connection = connections[i] as Connection;
      const type = types[i] as number;
      if (connection.heldAcks === this.#bound.most) connection.unhold();
      connection.heldAcks -= 1;
      if (type > PacketType.PUBLISH) connection.writeAck(type, ids[i] as number, reasons[i] as number);
      else if (type === PacketType.PUBLISH) connection.publishHeld(ids[i] as number);
      else {
        const { packet, whenSent } = held.packets[held.sentPackets] as HeldPacket;
        held.sentPackets += 1;
        connection.send(packet);
        whenSent();
      }
    }
    this.#written.addAll(held.times);
    for (const { resolve } of held.waiters) resolve();
    return true;
  }

  #flush(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = [];
    const untilMs = this.#meter.elapsedMs() + WRITING_MS;
    for (let i = 0; i < dirty.length; i++) {
      if (i % WRITES_A_LOOK === WRITES_A_LOOK - 1 && this.#meter.elapsedMs() > untilMs) {
        // The rest with the next turn, before what that one has to send.
        this.#dirty = [...dirty.slice(i), ...this.#dirty];
        if (!this.#scheduled) this.#schedule();
        break;
      }
      const connection = dirty[i] as Connection;
      connection.dirty = false;
      connection.flush();
    }
    if (!this.#written.empty) this.#written.observe(this.#timings.acknowledged, this.#clock.monotonicMs());
  }
}

function newHeld(): Held {
  const columns = { connections: [], types: [], ids: [], reasons: [], packets: [], waiters: [] };
  return { ...columns, times: new AckTimes(), released: 0, sentPackets: 0 };
}
