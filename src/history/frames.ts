/**
 * Bytes of answers go from the history process to the broker's on a pipe of their own, past the messages of `protocol.ts`:
 * the broker's process hands them on as they are, without a copy and without an object a row.
 *
 *     0   u32  id of the call
 *     4   u32  length of what follows; 0: the answer is whole
 *     8   u8   1: the answer holds less than was asked for; said by its first frame
 *     9   ...
 */
const HEADER_BYTES = 9;

/** The file descriptor of the pipe in the history process. */
export const PIPE_FD = 4;

export function frameHeader(id: number, length: number, truncated: boolean): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32LE(id, 0);
  header.writeUInt32LE(length, 4);
  header[8] = truncated ? 1 : 0;
  return header;
}

/** A part of a call's answer, in order; an empty one is its end. The bytes are the caller's again after the call. */
export type OnPiece = (id: number, piece: Uint8Array, truncated: boolean) => void;

/** Cuts the pipe's bytes into the pieces of answers. Pieces are parts of the chunks that are read: nothing is copied. */
export class FrameReader {
  readonly #onPiece: OnPiece;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #left = 0;

  constructor(onPiece: OnPiece) {
    this.#onPiece = onPiece;
  }

  /** Reads chunk[0..length). */
  read(chunk: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#left === 0) {
        const taken = chunk.copy(this.#header, this.#headerBytes, at, length);
        this.#headerBytes += taken;
        at += taken;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#left = this.#header.readUInt32LE(4);
        if (this.#left === 0) this.#hand(NOTHING);
        continue;
      }
      const piece = chunk.subarray(at, Math.min(length, at + this.#left));
      at += piece.length;
      this.#left -= piece.length;
      this.#hand(piece);
    }
  }

  #hand(piece: Uint8Array): void {
    this.#onPiece(this.#header.readUInt32LE(0), piece, this.#header[8] === 1);
  }
}

const NOTHING = new Uint8Array(0);
