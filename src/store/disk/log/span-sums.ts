import { crc32c, POLYNOMIAL } from '../crc32c.ts';

const STEP = 8;

/**
 * Checksums of any stretch of some bytes, at a cost that does not grow with the stretch: who looks for records in what may be
 * anything finds a length at every place, and must not sum up as many bytes each time. Takes half as much memory as the bytes.
 */
export class SpanSums {
  readonly #bytes: Uint8Array;
  readonly #from: number;
  /** CRC-32C of all from the first byte up to each eighth one. */
  readonly #prefixes: Int32Array;

  /** Sums up what is behind `from`. */
  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#from = from;
    this.#prefixes = new Int32Array(Math.floor((bytes.length - from) / STEP) + 1);
    let sum = 0;
    for (let n = 1; n < this.#prefixes.length; n++) {
      const at = from + n * STEP;
      sum = crc32c(bytes, at - STEP, at, sum);
      this.#prefixes[n] = sum;
    }
  }

  /** CRC-32C of bytes[start..end), going on from `before`; as `crc32c` has it. `start` is not before `from`. */
  sum(start: number, end: number, before: number): number {
    return (times(before ^ this.#upTo(start), powerOf(end - start)) ^ this.#upTo(end)) >>> 0;
  }

  #upTo(end: number): number {
    const whole = Math.floor((end - this.#from) / STEP);
    return crc32c(this.#bytes, this.#from + whole * STEP, end, this.#prefixes[whole]);
  }
}

/** Product of two polynomials modulo that of the checksum, the highest bit being x^0. */
function times(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let rest = a; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= factor;
    factor = (factor >>> 1) ^ ((factor & 1) === 0 ? 0 : POLYNOMIAL);
  }
  return product;
}

/** x^(8 * bytes): what `bytes` more do to a sum. Up to 2^32 - 1. */
function powerOf(bytes: number): number {
  let power = ONE;
  for (let digit = 0, rest = bytes; rest > 0; digit++, rest >>>= 8) {
    if ((rest & 0xff) !== 0) power = times(power, POWERS[digit * 256 + (rest & 0xff)] as number);
  }
  return power;
}

/** The polynomial 1. */
const ONE = 0x80000000 | 0;
const POWERS = makePowers();

/** Of 1 to 255 bytes, of as many times 256, 65,536 and 2^24. */
function makePowers(): Int32Array {
  const powers = new Int32Array(1024);
  // x^8: the bit of x^0 moved by eight places.
  let one = ONE >>> 8;
  for (let digit = 0; digit < 4; digit++) {
    let power = ONE;
    for (let n = 0; n < 256; n++) {
      powers[digit * 256 + n] = power;
      power = times(power, one);
    }
    one = power;
  }
  return powers;
}
