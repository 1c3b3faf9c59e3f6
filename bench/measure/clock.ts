import { performance } from 'node:perf_hooks';

// process.hrtime is CLOCK_MONOTONIC, the same for every process of one machine; performance.now() is the same clock from
// another zero, and reading it costs no BigInt.
const offsetMicros = Number(process.hrtime.bigint()) / 1000 - performance.now() * 1000;

/** Microseconds of the machine's monotonic clock, comparable between processes of one machine. */
export function nowMicros(): number {
  return Math.floor(performance.now() * 1000 + offsetMicros);
}
