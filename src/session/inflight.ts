/** Packet identifiers are 1 to 65,535 [MQTT-2.2.1-3]. */
const MAX_ID = 65_535;
const FIRST_CAPACITY = 8;

/** Where an outgoing QoS 1 or 2 message stands. */
export const InflightState = {
  none: 0,
  /** PUBLISH QoS 1 sent. */
  awaitsPuback: 1,
  /** PUBLISH QoS 2 sent. */
  awaitsPubrec: 2,
  /** PUBREL sent. */
  awaitsPubcomp: 3,
} as const;
export type InflightState = (typeof InflightState)[keyof typeof InflightState];

/** One outgoing message under its packet identifier. */
export type Exchange<E> = { readonly id: number; readonly state: InflightState; readonly entry: E | null };

/**
 * The outgoing messages that the receiver has not acknowledged, a ring in order of sending:
 *
 *      oldest id                      next id
 *        v                              v
 *   [ 1 | - | 2 | 1 | - | 1 | ......... ]     state by slot; `-` was acknowledged out of order
 *        <----------- span ----------->
 *
 * An identifier is used again only after it left the ring, so one that is never acknowledged holds the ring at 65,535
 * identifiers, never lets one be reused too early. Finding one by its id is arithmetic. `E` is what is kept to send a
 * message again; null where the session ends with its connection.
 */
export class Inflight<E> {
  /** Messages not acknowledged. */
  count = 0;
  #states = new Uint8Array(0);
  #entries: (E | null)[] = [];
  #head = 0;
  #span = 0;
  #oldest = 1;
  #next = 1;

  /** Whether all identifiers from the oldest unacknowledged one on are taken. */
  get exhausted(): boolean {
    return this.#span >= MAX_ID;
  }

  /** How many identifiers may be taken now. */
  get free(): number {
    return MAX_ID - this.#span;
  }

  /** Takes the next packet identifier. Not to be called when `exhausted`. */
  begin(state: InflightState, entry: E | null): number {
    this.count += 1;
    return this.#take(state, entry);
  }

  /**
   * Begins with exchanges of an earlier process. The ring of identifiers is cut where it is emptiest: that is between the
   * newest and the oldest, as long as they are not spread over all of it.
   */
  restore(exchanges: readonly Exchange<E>[]): void {
    const sorted = exchanges.toSorted((a, b) => a.id - b.id);
    const gapBefore = (at: number): number => {
      const before = sorted.at(at - 1)?.id ?? 0;
      const gap = (sorted[at]?.id ?? 0) - before;
      return gap > 0 ? gap : gap + MAX_ID;
    };
    let first = 0;
    for (let at = 1; at < sorted.length; at++) if (gapBefore(at) > gapBefore(first)) first = at;
    for (const { id, state, entry } of [...sorted.slice(first), ...sorted.slice(0, first)]) {
      if (this.#span === 0) this.#oldest = id;
      else while (this.#next !== id) this.#take(InflightState.none, null);
      this.#next = id;
      this.#take(state, entry);
      this.count += 1;
    }
  }

  stateOf(id: number): InflightState {
    const slot = this.#slotOf(id);
    return slot < 0 ? InflightState.none : (this.#states[slot] as InflightState);
  }

  /** What is kept of a message to send it again, or null. */
  entryOf(id: number): E | null {
    const slot = this.#slotOf(id);
    return slot < 0 ? null : (this.#entries[slot] ?? null);
  }

  /** Moves a message on; its entry is given back and no longer kept (a PUBREL needs no message). */
  advance(id: number, state: InflightState): E | null {
    const slot = this.#slotOf(id);
    if (slot < 0) return null;
    const entry = this.#entries[slot] ?? null;
    this.#states[slot] = state;
    this.#entries[slot] = null;
    return entry;
  }

  /** Ends a message; its identifier may be used again once all older ones are ended too. Gives its entry back. */
  end(id: number): E | null {
    const slot = this.#slotOf(id);
    if (slot < 0 || this.#states[slot] === InflightState.none) return null;
    const entry = this.#entries[slot] ?? null;
    this.#states[slot] = InflightState.none;
    this.#entries[slot] = null;
    this.count -= 1;
    const mask = this.#states.length - 1;
    while (this.#span > 0 && this.#states[this.#head] === InflightState.none) {
      this.#head = (this.#head + 1) & mask;
      this.#oldest = this.#oldest === MAX_ID ? 1 : this.#oldest + 1;
      this.#span -= 1;
    }
    return entry;
  }

  /** All that is not acknowledged, in the order in which it was first sent [MQTT-4.4.0-1]. */
  *inOrder(): Generator<readonly [id: number, state: InflightState, entry: E | null]> {
    const mask = this.#states.length - 1;
    for (let offset = 0; offset < this.#span; offset++) {
      const slot = (this.#head + offset) & mask;
      const state = this.#states[slot] as InflightState;
      if (state === InflightState.none) continue;
      yield [((this.#oldest - 1 + offset) % MAX_ID) + 1, state, this.#entries[slot] ?? null];
    }
  }

  /** Identifiers whose PUBREL was sent. */
  *releasing(): Generator<number> {
    for (const [id, state] of this.inOrder()) if (state === InflightState.awaitsPubcomp) yield id;
  }

  #take(state: InflightState, entry: E | null): number {
    if (this.#span === this.#states.length) this.#grow();
    const id = this.#next;
    const slot = (this.#head + this.#span) & (this.#states.length - 1);
    this.#states[slot] = state;
    this.#entries[slot] = entry;
    this.#next = id === MAX_ID ? 1 : id + 1; // [MQTT-2.2.1-4]
    this.#span += 1;
    return id;
  }

  #slotOf(id: number): number {
    if (id < 1 || id > MAX_ID) return -1;
    const offset = id >= this.#oldest ? id - this.#oldest : id - this.#oldest + MAX_ID;
    return offset < this.#span ? (this.#head + offset) & (this.#states.length - 1) : -1;
  }

  #grow(): void {
    const before = this.#states.length;
    const capacity = before === 0 ? FIRST_CAPACITY : before * 2;
    const states = new Uint8Array(capacity);
    const entries = Array.from<E | null>({ length: capacity }).fill(null);
    for (let offset = 0; offset < this.#span; offset++) {
      const slot = (this.#head + offset) & (before - 1);
      states[offset] = this.#states[slot] as number;
      entries[offset] = this.#entries[slot] ?? null;
    }
    this.#states = states;
    this.#entries = entries;
    this.#head = 0;
  }
}
