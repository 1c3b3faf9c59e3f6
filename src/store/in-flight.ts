import type { InFlight } from './port.ts';

const QOS = 0x1_0000;
const HOLDER = 0x4_0000;

/** The entries of one queue that are in flight. A number an entry, no object: each message to a persistent session is one. */
export class InFlightEntries {
  readonly #packed = new Map<number, number>();

  set(number: number, holder: number, packetId: number, qos: number): void {
    this.#packed.set(number, packetId + qos * QOS + holder * HOLDER);
  }

  delete(number: number): void {
    if (this.#packed.size > 0) this.#packed.delete(number);
  }

  /** All up to and with `number`. */
  deleteThrough(number: number): void {
    for (const each of this.#packed.keys()) if (each <= number) this.#packed.delete(each);
  }

  get(number: number): InFlight | null {
    const packed = this.#packed.get(number);
    return packed === undefined ? null : unpack(number, packed);
  }

  /** Oldest first. */
  list(): InFlight[] {
    const all = [...this.#packed].map(([number, packed]) => unpack(number, packed));
    return all.sort((a, b) => a.number - b.number);
  }
}

function unpack(number: number, packed: number): InFlight {
  const qos = Math.floor(packed / QOS) % 4;
  return { number, holder: Math.floor(packed / HOLDER), packetId: packed % QOS, qos: qos === 2 ? 2 : 1 };
}
