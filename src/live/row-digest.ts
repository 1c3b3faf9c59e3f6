import type { Digest, Watch } from './digest.ts';
import type { FrameWriter } from './frame-writer.ts';
import { Pending } from './pending.ts';

/** How the rows of a digest look, and what it cannot list. */
export type RowFormat<T> = {
  readonly list: 'children' | 'topics';
  readonly row: (item: T) => string;
  /** Topics that are not listed for want of room elsewhere. */
  readonly unlisted: () => number;
};

/**
 * A growing list of rows that change, told to its watchers as frames of changed rows. Watchers who know the same stand
 * in one cohort and get the same frame, made once. One who refuses a frame, or may not have one now, falls into a cohort
 * of its own, where changes add up; it joins the others again when it has caught up.
 */
export class RowDigest<T> implements Digest {
  /** Rows that are too long for a frame. */
  tooLong = 0;
  /** Set once all topics have been looked at, so that the first frame does not say less than is known. */
  ready = false;
  readonly #format: RowFormat<T>;
  readonly #writer: FrameWriter;
  readonly #rows: T[] = [];
  readonly #cohorts = new Set<Cohort>();
  readonly #cohortOf = new Map<Watch, Cohort>();
  /** The cohort that had nothing to wait for when it was last told; others join it when they are as far. */
  #upToDate: Cohort | null = null;
  /** The cohort of those who had no frame yet. */
  #fresh: Cohort | null = null;

  constructor(format: RowFormat<T>, writer: FrameWriter) {
    this.#format = format;
    this.#writer = writer;
  }

  get rows(): number {
    return this.#rows.length;
  }

  get watchers(): number {
    return this.#cohortOf.size;
  }

  /** Adds a row at the end; `listable` is false for one that only counts. */
  add(item: T, listable: boolean): void {
    if (listable) this.#rows.push(item);
    else this.tooLong += 1;
  }

  /** The row has changed. */
  touch(row: number): void {
    for (const cohort of this.#cohorts) cohort.pending.touch(row);
  }

  join(watch: Watch): void {
    if (this.#fresh === null) {
      this.#fresh = { members: new Set(), pending: new Pending(), more: -1 };
      this.#cohorts.add(this.#fresh);
    }
    this.#enter(this.#fresh, watch);
  }

  leave(watch: Watch): void {
    const cohort = this.#cohortOf.get(watch);
    if (!cohort) return;
    this.#cohortOf.delete(watch);
    cohort.members.delete(watch);
    if (cohort.members.size === 0) this.#drop(cohort);
  }

  hasNews(watch: Watch): boolean {
    const cohort = this.#cohortOf.get(watch);
    return this.ready && cohort !== undefined && !this.#isUpToDate(cohort);
  }

  *deliver(watches: readonly Watch[]): Generator<void, void> {
    const byCohort = new Map<Cohort, Watch[]>();
    for (const watch of watches) {
      const cohort = this.#cohortOf.get(watch);
      if (!cohort) continue;
      const due = byCohort.get(cohort);
      if (due) due.push(watch);
      else byCohort.set(cohort, [watch]);
    }
    for (const [cohort, due] of byCohort) {
      // Somebody may have gone, or come anew, while the event loop had its turn.
      const members = due.filter((watch) => cohort.members.has(watch));
      if (members.length === 0 || this.#isUpToDate(cohort)) continue;
      this.#tell(cohort, members);
      yield;
    }
  }

  #tell(cohort: Cohort, due: readonly Watch[]): void {
    const more = this.#more();
    const payload = this.#frame(cohort, more);
    const told = this.#writer.rows;
    const accepted = due.filter((watch) => watch.viewer.offer(watch.topic, payload));
    const stillThere = accepted.filter((watch) => this.#cohortOf.get(watch) === cohort);
    if (stillThere.length === 0) return;
    for (const watch of stillThere) watch.started = true;
    const ahead = this.#split(cohort, stillThere);
    ahead.pending.consume(told, this.#rows.length);
    ahead.more = more;
    this.#reunite(ahead);
  }

  #frame(cohort: Cohort, more: number): Buffer {
    const { pending } = cohort;
    const total = this.#rows.length;
    const waiting = pending.count(total);
    this.#writer.begin(cohort === this.#fresh, more, this.#format.list);
    for (let position = 0; position < waiting; position++) {
      const item = this.#rows[pending.at(position, total)] as T;
      if (!this.#writer.add(this.#format.row(item))) break;
    }
    return this.#writer.end();
  }

  /** The cohort of just these members, which go ahead of the others. */
  #split(cohort: Cohort, ahead: readonly Watch[]): Cohort {
    if (ahead.length === cohort.members.size) {
      if (cohort === this.#fresh) this.#fresh = null;
      return cohort;
    }
    const own: Cohort = { members: new Set(), pending: cohort.pending.clone(), more: cohort.more };
    this.#cohorts.add(own);
    for (const watch of ahead) {
      cohort.members.delete(watch);
      this.#enter(own, watch);
    }
    return own;
  }

  #reunite(cohort: Cohort): void {
    if (!this.#isUpToDate(cohort)) return;
    const others = this.#upToDate;
    if (others === null || others === cohort || !this.#isUpToDate(others)) {
      this.#upToDate = cohort;
      return;
    }
    for (const watch of cohort.members) this.#enter(others, watch);
    this.#drop(cohort);
  }

  #isUpToDate(cohort: Cohort): boolean {
    return cohort.more === this.#more() && cohort.pending.count(this.#rows.length) === 0;
  }

  #more(): number {
    return this.tooLong + this.#format.unlisted();
  }

  #enter(cohort: Cohort, watch: Watch): void {
    cohort.members.add(watch);
    this.#cohortOf.set(watch, cohort);
  }

  #drop(cohort: Cohort): void {
    this.#cohorts.delete(cohort);
    if (this.#fresh === cohort) this.#fresh = null;
    if (this.#upToDate === cohort) this.#upToDate = null;
  }
}

type Cohort = {
  readonly members: Set<Watch>;
  readonly pending: Pending;
  /** The `more` of the last frame; -1 before the first. */
  more: number;
};
