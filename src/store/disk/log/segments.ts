/** Of a message's record, beside what `storedBytes` counts: about so much. */
const RECORD_BYTES = 64;

type Segment = { entries: number; wantedBytes: number; allBytes: number };

/**
 * What each segment is still wanted for: entries of queues whose message lies in it. Segments become free from the oldest
 * on: an acknowledgement is needed as long as the message that it is about may be read again.
 */
export class Segments {
  readonly #wanted = new Map<number, Segment>();

  /** Entries of so many queues lie in the segment, more than before; `bytes`: the `storedBytes` of their message. */
  wanted(sequence: number, entries: number, bytes: number): void {
    const weight = entries * (bytes + RECORD_BYTES);
    const segment = this.#wanted.get(sequence);
    if (segment === undefined) this.#wanted.set(sequence, { entries, wantedBytes: weight, allBytes: weight });
    else {
      segment.entries += entries;
      segment.wantedBytes += weight;
      segment.allBytes += weight;
    }
  }

  /** One entry less. */
  done(sequence: number, bytes: number): void {
    const segment = this.#wanted.get(sequence);
    if (segment === undefined) return;
    segment.entries -= 1;
    segment.wantedBytes -= bytes + RECORD_BYTES;
  }

  entriesIn(sequence: number): number {
    return this.#wanted.get(sequence)?.entries ?? 0;
  }

  /**
   * About how much of a segment's file is wanted: by the bytes of its entries, each queue's counted. That is more than the
   * bytes on disk where some queues have a message and others do not, but small entries never keep the room of large ones
   * that are gone, nor that of records that are no messages.
   */
  wantedBytes(sequence: number, fileBytes: number): number {
    const segment = this.#wanted.get(sequence);
    if (segment === undefined || segment.entries === 0) return 0;
    return Math.min(segment.wantedBytes, (fileBytes * segment.wantedBytes) / segment.allBytes);
  }

  /** Its file is free. */
  forget(sequence: number): void {
    this.#wanted.delete(sequence);
  }
}
