/** What one receiver has had from each publisher it listens to: the next sequence number it must see. */
export type SequenceChecker = {
  readonly next: Uint32Array;
  readonly firstPublisher: number;
  duplicates: number;
  /** Numbers that were jumped over; they may still come late, which then counts as a duplicate or reordering. */
  gaps: number;
  foreign: number;
  /** The first thing that went wrong, in words; empty while all is well. */
  firstFault: string;
};

/** A checker for publishers `firstPublisher` to `firstPublisher + count - 1`; any other is a fault. */
export function createChecker(firstPublisher: number, count: number): SequenceChecker {
  return { next: new Uint32Array(count), firstPublisher, duplicates: 0, gaps: 0, foreign: 0, firstFault: '' };
}

/** Takes one arrival. True when it is exactly the next one of its publisher. */
export function accept(checker: SequenceChecker, publisher: number, sequence: number): boolean {
  const index = publisher - checker.firstPublisher;
  const expected = checker.next[index];
  if (expected === sequence) {
    checker.next[index] = sequence + 1;
    return true;
  }
  blame(checker, publisher, sequence, expected);
  return false;
}

function blame(checker: SequenceChecker, publisher: number, sequence: number, expected: number | undefined): void {
  if (expected === undefined) {
    checker.foreign += 1;
    checker.firstFault ||= `a message of publisher ${publisher}, which this receiver did not ask for`;
    return;
  }
  if (sequence < expected) {
    checker.duplicates += 1;
    checker.firstFault ||= `publisher ${publisher}: ${sequence} came again or too late, ${expected} was next`;
    return;
  }
  checker.gaps += sequence - expected;
  checker.firstFault ||= `publisher ${publisher}: ${sequence} came, ${expected} was next`;
  checker.next[publisher - checker.firstPublisher] = sequence + 1;
}

/** How many of `sent` (per publisher, in order of id from `firstPublisher`) have not arrived. */
export function missing(checker: SequenceChecker, sent: readonly number[]): number {
  return sent.reduce((sum, count, index) => sum + Math.max(0, count - (checker.next[index] ?? 0)), 0);
}
