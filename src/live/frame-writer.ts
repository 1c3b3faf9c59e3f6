import type { LiveLimits } from './port.ts';

/** What ends a frame. */
const TAIL = ']}';
/** Bytes kept free for head and tail. */
const FRAME_BYTES = 128;
/** The most that a row is beside the texts of its topic: a payload of 256 characters may be escaped to six times that. */
const ROW_BYTES = 2048;

/** Writes the JSON of one frame after the other into one buffer, and gives out copies. */
export class FrameWriter {
  readonly #buffer: Buffer;
  readonly #maxRows: number;
  #at = 0;
  #rows = 0;

  constructor(limits: LiveLimits) {
    this.#buffer = Buffer.allocUnsafeSlow(limits.bytesPerFrame);
    this.#maxRows = limits.entriesPerFrame;
  }

  /** Rows in the frame so far. */
  get rows(): number {
    return this.#rows;
  }

  /** `list` is the name of the rows. */
  begin(full: boolean, more: number, list: string): void {
    this.#rows = 0;
    this.#at = this.#buffer.write(`{"full":${full},"more":${more},"${list}":[`);
  }

  /** Adds a row, or returns false when the frame is full. */
  add(json: string): boolean {
    if (this.#rows === this.#maxRows) return false;
    const room = this.#buffer.length - this.#at - TAIL.length - 1;
    // Three bytes are the most that a UTF-16 unit becomes.
    if (json.length * 3 > room && Buffer.byteLength(json) > room) return false;
    if (this.#rows > 0) this.#at += this.#buffer.write(',', this.#at);
    this.#at += this.#buffer.write(json, this.#at);
    this.#rows += 1;
    return true;
  }

  end(): Buffer {
    this.#at += this.#buffer.write(TAIL, this.#at);
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  /** Whether a row with these texts fits into a frame of its own, whatever the payload. */
  fits(...texts: readonly string[]): boolean {
    const room = this.#buffer.length - FRAME_BYTES - ROW_BYTES;
    let bytes = 0;
    for (const text of texts) bytes += text.length * 6;
    if (bytes <= room) return true;
    bytes = 0;
    for (const text of texts) bytes += Buffer.byteLength(JSON.stringify(text));
    return bytes <= room;
  }
}
