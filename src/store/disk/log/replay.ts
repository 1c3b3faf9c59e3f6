import type { QueueId, TableName } from '../../port.ts';
import { CHANGE_HEAD, RECORD_HEADER, RecordKind, recordBytes, TABLES } from './layout.ts';
import { countedBytes, forEachTarget } from './message-record.ts';
import { QueueIndex } from './queue-index.ts';
import { Segments } from './segments.ts';

/** The last word of the log on the table. `null`: removed. */
export type TableChanges = ReadonlyMap<TableName | 'queue', Map<string, Uint8Array | null>>;

/** What the records of the log come to, taken in their order. */
export class Replay {
  readonly queues = new Map<QueueId, QueueIndex>();
  readonly segments = new Segments();
  readonly changes: TableChanges = new Map(TABLES.map((table) => [table, new Map()]));
  lastNumber = 0;
  messages = 0;
  readonly #changesFrom: number;

  /** `changesFrom`: the table has the changes of the segments before this one. */
  constructor(changesFrom: number) {
    this.#changesFrom = changesFrom;
  }

  /** Takes the records of bytes[start..end), which are good and end with a batch. */
  take(bytes: Buffer, start: number, end: number, sequence: number): void {
    for (let at = start; at < end; ) {
      const bodyBytes = bytes.readUInt32LE(at);
      this.#record(bytes, at, bodyBytes, sequence);
      at += recordBytes(bodyBytes);
    }
  }

  #record(bytes: Buffer, at: number, bodyBytes: number, sequence: number): void {
    const body = at + RECORD_HEADER;
    switch (bytes[at + 8] as RecordKind) {
      case RecordKind.message:
        this.#message(bytes, at, body, sequence);
        break;
      case RecordKind.acks:
        for (let i = body; i < body + bodyBytes; i += 12) this.#ack(bytes.readUInt32LE(i), bytes.readDoubleLE(i + 4));
        break;
      case RecordKind.sent:
        for (let i = body; i < body + bodyBytes; i += 20) this.#sent(bytes, i);
        break;
      case RecordKind.ackThrough:
        this.#queue(bytes.readUInt32LE(body)).ackThrough(bytes.readDoubleLE(body + 4), (from, counted) =>
          this.segments.done(from, counted),
        );
        break;
      case RecordKind.put:
      case RecordKind.remove:
        if (sequence >= this.#changesFrom) this.#change(bytes, at, body, bodyBytes);
        break;
      default: // ends of batches and segments
    }
  }

  #message(bytes: Buffer, at: number, body: number, sequence: number): void {
    const number = bytes.readUInt32LE(at + 9) + bytes.readUIntLE(at + 13, 3) * 0x1_0000_0000;
    this.lastNumber = Math.max(this.lastNumber, number);
    this.messages += 1;
    const counted = countedBytes(bytes, body);
    forEachTarget(bytes, body, (queue) => {
      const index = this.#queue(queue);
      // A message that was copied, or written again after a write that failed.
      const before = index.move(number, sequence, at);
      if (before === 0) index.append(number, sequence, at, counted);
      else this.segments.done(before, counted);
      this.segments.wanted(sequence, 1, counted);
    });
  }

  #ack(queue: QueueId, number: number): void {
    const index = this.#queue(queue);
    const from = index.ack(number);
    if (from !== 0) this.segments.done(from, index.takenBytes);
  }

  /** Of an entry that was copied behind it, it is read again there. */
  #sent(bytes: Buffer, at: number): void {
    const number = bytes.readDoubleLE(at + 4);
    const queue = this.#queue(bytes.readUInt32LE(at));
    if (!queue.has(number)) return;
    queue.inFlight.set(number, bytes.readUInt32LE(at + 12), bytes.readUInt16LE(at + 16), bytes.readUInt16LE(at + 18));
  }

  #change(bytes: Buffer, at: number, body: number, bodyBytes: number): void {
    const table = TABLES[bytes.readUInt32LE(body)];
    if (table === undefined) return;
    const keyEnd = body + CHANGE_HEAD + bytes.readUInt32LE(body + 4);
    const key = bytes.toString('utf8', body + CHANGE_HEAD, keyEnd);
    const isPut = bytes[at + 8] === RecordKind.put;
    this.changes.get(table)?.set(key, isPut ? Buffer.from(bytes.subarray(keyEnd, body + bodyBytes)) : null);
  }

  #queue(id: QueueId): QueueIndex {
    let queue = this.queues.get(id);
    if (queue === undefined) {
      queue = new QueueIndex();
      this.queues.set(id, queue);
    }
    return queue;
  }
}
