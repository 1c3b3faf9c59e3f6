import { type Clock, type Logger, messageOf } from '../base/index.ts';
import type { Digest, Watch } from './digest.ts';
import type { WorldStatus } from './port.ts';
import type { TopicIndex } from './topic-index.ts';

const EVERY_MS = 1000;
/** A rate over less than this says nothing. */
const FIRST_MS = 100;

/** The state of a world, made anew each second while somebody watches. */
export class StatusDigest implements Digest {
  readonly #index: TopicIndex;
  readonly #status: () => WorldStatus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** The frame that each watcher was sent last. */
  readonly #sent = new Map<Watch, Buffer | null>();
  #frame: Buffer | null = null;
  #sampledMs = 0;
  #sampledMessages = 0;

  constructor(index: TopicIndex, status: () => WorldStatus, clock: Clock, logger: Logger) {
    this.#index = index;
    this.#status = status;
    this.#clock = clock;
    this.#logger = logger;
    this.#sample();
  }

  get watchers(): number {
    return this.#sent.size;
  }

  join(watch: Watch): void {
    this.#sent.set(watch, null);
  }

  leave(watch: Watch): void {
    this.#sent.delete(watch);
  }

  hasNews(watch: Watch): boolean {
    return this.#sent.get(watch) !== this.#frame;
  }

  *deliver(watches: readonly Watch[]): Generator<void, void> {
    const frame = this.#frame;
    if (frame === null) return;
    for (const watch of watches) {
      if (!this.#sent.has(watch) || !watch.viewer.offer(watch.topic, frame)) continue;
      watch.started = true;
      if (this.#sent.has(watch)) this.#sent.set(watch, frame);
      yield;
    }
  }

  /** Makes the frame of this second, once it has come. */
  refresh(): void {
    const elapsedMs = this.#clock.monotonicMs() - this.#sampledMs;
    if (elapsedMs < (this.#frame === null ? FIRST_MS : EVERY_MS)) return;
    const rate = ((this.#index.messages - this.#sampledMessages) * 1000) / elapsedMs;
    this.#sample();
    try {
      this.#frame = Buffer.from(this.#json(this.#status(), Math.round(rate * 10) / 10));
    } catch (error) {
      this.#logger.error({ error: messageOf(error) }, 'The status of a world could not be made.');
    }
  }

  #sample(): void {
    this.#sampledMs = this.#clock.monotonicMs();
    this.#sampledMessages = this.#index.messages;
  }

  #json(status: WorldStatus, messagesPerSecond: number): string {
    return JSON.stringify({
      status: status.status,
      detail: status.detail,
      namespace: status.namespace,
      clients: status.clients,
      messagesPerSecond,
      history: {
        state: status.history.state,
        detail: status.history.detail,
        lastCommitUs: status.history.lastCommitUs,
      },
      store: status.store,
      topics: this.#index.leaves.length,
      more: this.#index.unindexed,
    });
  }
}
