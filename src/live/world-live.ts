import type { TopicRules } from '../access/index.ts';
import type { Clock, Logger, Reached } from '../base/index.ts';
import type { Digest, Watch } from './digest.ts';
import type { DigestTopic } from './digest-topic.ts';
import type { FrameWriter } from './frame-writer.ts';
import { Lens } from './lens.ts';
import { type Budget, MAX_LEVELS, MAX_RESTRICTED_LENSES, NODES_PER_TOPIC, VALUE_ROWS_PER_TOPIC } from './limits.ts';
import type { LiveLimits, WorldStatus } from './port.ts';
import { StatusDigest } from './status-digest.ts';
import { TopicIndex } from './topic-index.ts';

/** Steps of work between two looks at the clock. */
const STEPS = 16;
/** New topics that the lenses of restricted principals look at in a round: the others do not wait for them. */
const RESTRICTED_STEPS = 30_000;

export type WorldOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxTopics: number;
  readonly limits: LiveLimits;
  readonly reached: Reached;
  readonly writer: FrameWriter;
  readonly status: () => WorldStatus;
};

/** The live view of one world: its index, and the digests that are watched at the moment. */
export class WorldLive {
  readonly index: TopicIndex;
  readonly #options: WorldOptions;
  readonly #nodeBudget: Budget;
  /** Trees of principals that may not see all share one budget: they come with the viewers. */
  readonly #restrictedBudget: Budget;
  readonly #valueBudget: Budget;
  /** By rules; null: those that hide nothing. That one stays, so that the next viewer finds it made. */
  readonly #lenses = new Map<TopicRules | null, Lens>();
  #status: StatusDigest | null = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.index = new TopicIndex(options.maxTopics, options.reached);
    this.#nodeBudget = { left: options.maxTopics * NODES_PER_TOPIC + MAX_LEVELS };
    this.#restrictedBudget = { left: options.maxTopics * NODES_PER_TOPIC * 2 + MAX_LEVELS };
    this.#valueBudget = { left: options.maxTopics * VALUE_ROWS_PER_TOPIC };
  }

  /** The digest as it is for those rules; null when the world makes as many as it may. */
  open(topic: DigestTopic, rules: TopicRules): Digest | null {
    if (topic.kind === 'status') {
      const { status, clock, logger } = this.#options;
      this.#status ??= new StatusDigest(this.index, status, clock, logger);
      return this.#status;
    }
    const known = this.#lenses.get(lensKey(rules));
    if (known?.has(topic)) return known.open(topic);
    let digests = 0;
    for (const lens of this.#lenses.values()) digests += lens.size;
    if (digests >= this.#options.limits.digestsPerWorld) return null;
    return (known ?? this.#makeLens(rules))?.open(topic) ?? null;
  }

  /** The watch ends; a digest that nobody watches any more is no longer made. */
  leave(watch: Watch, rules: TopicRules): void {
    const { digest } = watch;
    digest.leave(watch);
    if (digest.watchers > 0) return;
    if (digest === this.#status) {
      this.#status = null;
      return;
    }
    const key = lensKey(rules);
    const lens = this.#lenses.get(key);
    lens?.close(digest);
    if (key === null || !lens || lens.size > 0) return;
    lens.release();
    this.#lenses.delete(key);
  }

  /** Brings the digests up to date with the index; the event loop may have its turn at each stop. */
  *advance(): Generator<void, void> {
    this.#status?.refresh();
    const lenses = [...this.#lenses.values()];
    if (lenses.every((lens) => lens.size === 0)) return;
    let steps = 0;
    let restricted = RESTRICTED_STEPS;
    for (const lens of lenses) {
      for (const _ of lens.catchUp()) {
        if (++steps % STEPS === 0) yield;
        if (!lens.all && --restricted <= 0) break;
      }
    }
    this.index.beginBatch();
    for (let leaf = this.index.takeChanged(); leaf !== null; leaf = this.index.takeChanged()) {
      for (const lens of this.#lenses.values()) lens.changed(leaf);
      if (++steps % STEPS === 0) yield;
    }
  }

  #makeLens(rules: TopicRules): Lens | null {
    if (!rules.all && this.#lenses.size > MAX_RESTRICTED_LENSES) return null;
    const budget = rules.all ? this.#nodeBudget : this.#restrictedBudget;
    const maySee = rules.all ? null : rules.mayReceive;
    const lens = new Lens(this.index, maySee, this.#options.writer, budget, this.#valueBudget);
    this.#lenses.set(lensKey(rules), lens);
    return lens;
  }
}

function lensKey(rules: TopicRules): TopicRules | null {
  return rules.all ? null : rules;
}
