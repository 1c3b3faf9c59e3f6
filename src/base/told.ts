/** So many of one thing have a line in the log each; after them every tenfold one. */
export const TOLD_SINGLY = 10;

/** Whether the event of this number is among the first ten or a power of ten. */
export function isTold(count: number): boolean {
  return count <= TOLD_SINGLY || Number.isInteger(Math.log10(count));
}
