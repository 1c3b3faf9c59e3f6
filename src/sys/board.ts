import type { Viewer } from '../broker/index.ts';
import { filterMatches } from '../topics/index.ts';

/** Somebody who reads a board. */
export type Reader = {
  readonly viewer: Viewer;
  readonly filters: Set<string>;
  /** It could not be told all: it is told everything anew with the next round. */
  behind: boolean;
};

/**
 * The values of one world, or of the server, as those who may see them get them: all that stands at once to who comes,
 * then what has changed, once an interval. Made only while there is a reader.
 */
export class Board {
  readonly readers = new Map<Viewer, Reader>();
  readonly #make: () => Map<string, string>;
  readonly #nowMs: () => number;
  #values = new Map<string, string>();
  #madeAtMs = Number.NEGATIVE_INFINITY;

  constructor(make: () => Map<string, string>, nowMs: () => number) {
    this.#make = make;
    this.#nowMs = nowMs;
  }

  /** One more interval is over. */
  round(): void {
    if (this.readers.size === 0) return;
    const before = this.#values;
    this.#refresh();
    const changed: [string, Buffer][] = [];
    for (const [topic, value] of this.#values) {
      if (before.get(topic) !== value) changed.push([topic, Buffer.from(value)]);
    }
    for (const reader of this.readers.values()) {
      if (reader.behind) this.#tellAll(reader, reader.filters, false);
      else reader.behind = !changed.every(([topic, value]) => tell(reader, reader.filters, topic, value, false));
    }
  }

  /** A reader is about to come: where nobody read, the values are old. Once a second at most, whoever comes and goes. */
  open(): void {
    if (this.readers.size === 0 && this.#nowMs() - this.#madeAtMs >= FRESH_MS) this.#refresh();
  }

  /** What stands, to who has just subscribed to one filter: as retained messages [MQTT-3.3.1-9]. */
  welcome(reader: Reader, filter: string): void {
    this.#tellAll(reader, [filter], true);
  }

  #tellAll(reader: Reader, filters: Iterable<string>, retained: boolean): void {
    reader.behind = false;
    for (const [topic, value] of this.#values) {
      if (tell(reader, filters, topic, Buffer.from(value), retained)) continue;
      reader.behind = true;
      return;
    }
  }

  #refresh(): void {
    this.#values = this.#make();
    this.#madeAtMs = this.#nowMs();
  }
}

const FRESH_MS = 1000;

/** False: the reader is behind and did not take it. */
function tell({ viewer }: Reader, filters: Iterable<string>, topic: string, value: Buffer, retained: boolean): boolean {
  const { rules } = viewer.principal;
  if (!rules.all && !rules.mayReceive(topic)) return true;
  for (const filter of filters) {
    if (filterMatches(filter, topic)) return viewer.send(topic, value, retained);
  }
  return true;
}
