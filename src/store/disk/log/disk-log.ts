import type { ExpiryClock } from '../../message-bytes.ts';
import type { InFlight, QueueEntry, QueueId, QueueTarget, StoredMessage } from '../../port.ts';
import { storedBytes } from '../../stored-bytes.ts';
import { readEntries } from './entry-reader.ts';
import { CHANGE_HEAD, type Place, RecordKind } from './layout.ts';
import type { LogWriter } from './log-writer.ts';
import { messageBodyBytes, readTargets, writeMessage } from './message-record.ts';
import type { QueueIndex } from './queue-index.ts';
import type { SegmentFiles } from './segment-files.ts';
import type { Segments } from './segments.ts';

/** Acks of one batch go in records of so many. */
const ACKS_A_RECORD = 1000;
const ACK_BYTES = 12;
const SENT_BYTES = 20;
/** Of one entry in `#sent`. */
const SENT_FIELDS = 5;

export type DiskLogParts = {
  readonly files: SegmentFiles;
  readonly writer: LogWriter;
  readonly segments: Segments;
  readonly queues: Map<QueueId, QueueIndex>;
  readonly clock: ExpiryClock;
  /** Of the last message. */
  readonly lastNumber: number;
  /** An entry's message cannot be read: it was taken off its queue. */
  readonly lost?: (entry: LostEntry) => void;
};

/** An entry whose message cannot be read any more. */
export type LostEntry = Place & { readonly queue: QueueId; readonly number: number; readonly why: string };

/** The log with what is known of it in memory: where the entries of each queue lie, and what each segment is still wanted for. */
export class DiskLog {
  readonly files: SegmentFiles;
  readonly writer: LogWriter;
  readonly segments: Segments;
  readonly queues: Map<QueueId, QueueIndex>;
  readonly clock: ExpiryClock;
  readonly #onLost: (entry: LostEntry) => void;
  #lastNumber: number;
  /** Acks that the open batch has not yet in a record: queue and number in turn. */
  #acks: number[] = [];

  /** Entries in flight that the open batch has not yet in a record: queue, number, holder, packet identifier and QoS in turn. */
  #sent: number[] = [];

  constructor(parts: DiskLogParts) {
    this.files = parts.files;
    this.writer = parts.writer;
    this.segments = parts.segments;
    this.queues = parts.queues;
    this.clock = parts.clock;
    this.#lastNumber = parts.lastNumber;
    this.#onLost = parts.lost ?? (() => {});
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  append(message: StoredMessage, targets: readonly QueueTarget[]): number {
    this.#lastNumber += 1;
    this.#append(this.#lastNumber, message, targets, storedBytes(message));
    return this.#lastNumber;
  }

  #append(number: number, message: StoredMessage, targets: readonly QueueTarget[], bytes: number): void {
    const known = targets.filter(({ queue }) => this.queues.has(queue));
    if (known.length === 0) return;
    const batch = this.writer.room(messageBodyBytes(message, known));
    const offset = writeMessage(batch, number, message, known, this.clock);
    for (const { queue } of known) this.queues.get(queue)?.append(number, batch.sequence, offset, bytes);
    this.segments.wanted(batch.sequence, known.length, bytes);
  }

  ack(queue: QueueId, number: number): void {
    const index = this.queues.get(queue);
    const sequence = index?.ack(number) ?? 0;
    if (index === undefined || sequence === 0) return;
    this.segments.done(sequence, index.takenBytes);
    this.#acks.push(queue, number);
    if (this.#acks.length >= ACKS_A_RECORD * 2) this.#writeAcks();
  }

  sent(queue: QueueId, { number, holder, packetId, qos }: InFlight): void {
    const index = this.queues.get(queue);
    if (!index?.has(number)) return;
    index.inFlight.set(number, holder, packetId, qos);
    this.#noteSent(queue, number, holder, packetId, qos);
  }

  #noteSent(queue: QueueId, number: number, holder: QueueId, packetId: number, qos: number): void {
    this.#sent.push(queue, number, holder, packetId, qos);
    if (this.#sent.length >= ACKS_A_RECORD * SENT_FIELDS) this.#writeSent();
  }

  ackThrough(queue: QueueId, number: number): void {
    const index = this.queues.get(queue);
    if (index === undefined) return;
    index.ackThrough(number, (sequence, bytes) => this.segments.done(sequence, bytes));
    const batch = this.writer.room(ACK_BYTES);
    const at = batch.open(RecordKind.ackThrough, 0, ACK_BYTES);
    batch.bytes.writeUInt32LE(queue, at);
    batch.bytes.writeDoubleLE(number, at + 4);
    batch.close(at, ACK_BYTES);
  }

  /** Says once more how far queues were acknowledged: the segments that say so may become free. */
  repeatAckedThrough(): void {
    for (const [queue, { ackedThrough }] of this.queues) if (ackedThrough > 0) this.ackThrough(queue, ackedThrough);
  }

  /** A queue ends with all that it holds; that it is gone is in the table. */
  dropQueue(queue: QueueId): void {
    this.queues.get(queue)?.forEachSequence((sequence, bytes) => this.segments.done(sequence, bytes));
    this.queues.delete(queue);
  }

  /** A change of the table. `value` null: removed. */
  change(table: number, key: string, value: Uint8Array | null): void {
    const keyBytes = Buffer.byteLength(key);
    const size = CHANGE_HEAD + keyBytes + (value?.length ?? 0);
    const batch = this.writer.room(size);
    const at = batch.open(value === null ? RecordKind.remove : RecordKind.put, 0, size);
    batch.bytes.writeUInt32LE(table, at);
    batch.bytes.writeUInt32LE(keyBytes, at + 4);
    batch.bytes.write(key, at + CHANGE_HEAD);
    if (value !== null) batch.bytes.set(value, at + CHANGE_HEAD + keyBytes);
    batch.close(at, size);
  }

  commit(): Promise<void> | null {
    this.#writeAcks();
    return this.writer.commit();
  }

  /** As `commit`, but there is always something to wait for: see `LogWriter.mark`. */
  mark(): ReturnType<LogWriter['mark']> {
    this.#writeAcks();
    return this.writer.mark();
  }

  async read(queue: QueueId, after: number, limit: number, maxBytes: number): Promise<readonly QueueEntry[]> {
    for (;;) {
      const places = this.queues.get(queue)?.page(after, limit, maxBytes) ?? [];
      if (places.length === 0) return [];
      const broken: LostEntry[] = [];
      const isThere = ({ number, sequence }: (typeof places)[number]): boolean =>
        this.queues.get(queue)?.isAt(number, sequence) === true;
      try {
        const entries = await readEntries(this, queue, places, (place, why) => broken.push({ ...place, queue, why }));
        // While it was read an entry may have been taken off, or its message copied, and its segment used again.
        if (!broken.every(isThere)) continue;
        for (const entry of broken) this.#lose(entry);
        if (entries.length > 0) return entries;
      } catch (error) {
        if (places.every(isThere)) throw error;
      }
    }
  }

  #lose(entry: LostEntry): void {
    this.ack(entry.queue, entry.number);
    this.#onLost(entry);
  }

  /** Everything in the segment that could be read has been copied: what is left is lost. */
  giveUp(sequence: number): void {
    for (const [queue, index] of this.queues) {
      for (const { number, offset } of index.placesIn(sequence)) {
        this.#lose({ queue, number, sequence, offset, why: `its record at ${offset} is damaged` });
      }
    }
  }

  /** Copies what is still wanted of a message in `sequence` to the end of the log; `body` begins at bytes[at]. */
  copyForward(sequence: number, number: number, bytes: Buffer, at: number, message: () => StoredMessage): void {
    const wanted = readTargets(bytes, at).filter(({ queue }) => this.queues.get(queue)?.isAt(number, sequence));
    if (wanted.length === 0) return;
    const copied = message();
    const bytesEach = storedBytes(copied);
    const batch = this.writer.room(messageBodyBytes(copied, wanted));
    const offset = writeMessage(batch, number, copied, wanted, this.clock);
    for (const { queue } of wanted) {
      const index = this.queues.get(queue) as QueueIndex;
      index.move(number, batch.sequence, offset);
      this.segments.done(sequence, bytesEach);
      // That it is in flight stands behind it in the log, in a segment that may become free before the copy's.
      const { holder, packetId, qos } = index.inFlight.get(number) ?? NOT_SENT;
      if (packetId > 0) this.#noteSent(queue, number, holder, packetId, qos);
    }
    this.segments.wanted(batch.sequence, wanted.length, bytesEach);
  }

  #writeSent(): void {
    const sent = this.#sent;
    if (sent.length === 0) return;
    const count = sent.length / SENT_FIELDS;
    const batch = this.writer.room(count * SENT_BYTES);
    let at = batch.open(RecordKind.sent, count, count * SENT_BYTES);
    const body = at;
    for (let i = 0; i < sent.length; i += SENT_FIELDS) {
      at = batch.bytes.writeUInt32LE(sent[i] as number, at);
      at = batch.bytes.writeDoubleLE(sent[i + 1] as number, at);
      at = batch.bytes.writeUInt32LE(sent[i + 2] as number, at);
      at = batch.bytes.writeUInt16LE(sent[i + 3] as number, at);
      at = batch.bytes.writeUInt16LE(sent[i + 4] as number, at);
    }
    batch.close(body, count * SENT_BYTES);
    sent.length = 0;
  }

  /** Behind what was sent: who has acknowledged was sent to before. */
  #writeAcks(): void {
    this.#writeSent();
    const acks = this.#acks;
    if (acks.length === 0) return;
    const size = (acks.length / 2) * ACK_BYTES;
    const batch = this.writer.room(size);
    let at = batch.open(RecordKind.acks, acks.length / 2, size);
    const body = at;
    for (let i = 0; i < acks.length; i += 2) {
      at = batch.bytes.writeUInt32LE(acks[i] as number, at);
      at = batch.bytes.writeDoubleLE(acks[i + 1] as number, at);
    }
    batch.close(body, size);
    acks.length = 0;
  }
}

const NOT_SENT: InFlight = { number: 0, holder: 0, packetId: 0, qos: 1 };
