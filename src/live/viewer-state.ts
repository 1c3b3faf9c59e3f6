import { type Clock, type Logger, messageOf } from '../base/index.ts';
import type { Viewer } from '../broker/index.ts';
import type { Watch } from './digest.ts';

/** A second, and some: on their way frames may come closer together than they were sent. */
const WINDOW_MS = 1050;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;

/**
 * One viewer: what it watches and how fast it may be told. In any second it gets at most `framesPerSecond` frames; its
 * digests take turns. First frames come at once, later ones singly, so that a page opens quickly and then flows evenly.
 * After a refusal it is left alone for a while, twice as long each time.
 */
export class ViewerState {
  readonly watches = new Map<string, Watch>();
  readonly #viewer: Viewer;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** When the last frames were sent, monotonic ms; a ring. */
  readonly #sentMs: number[];
  #oldest = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(viewer: Viewer, clock: Clock, logger: Logger, framesPerSecond: number) {
    this.#viewer = viewer;
    this.#clock = clock;
    this.#logger = logger;
    this.#sentMs = Array.from({ length: framesPerSecond }, () => Number.NEGATIVE_INFINITY);
  }

  /** The watches that are to be told now. */
  choose(): Watch[] {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#pausedUntilMs) return [];
    let room = this.#sentMs.reduce((free, sentMs) => (sentMs <= nowMs - WINDOW_MS ? free + 1 : free), 0);
    const chosen: Watch[] = [];
    let later: Watch | null = null;
    for (const watch of this.watches.values()) {
      if (room === 0) break;
      if ((watch.started && later !== null) || !watch.digest.hasNews(watch)) continue;
      if (watch.started) later = watch;
      chosen.push(watch);
      room -= 1;
    }
    // Whose turn it was goes to the end of the row.
    if (later !== null) {
      this.watches.delete(later.topic);
      this.watches.set(later.topic, later);
    }
    return chosen;
  }

  /** Sends a frame; false when the viewer could not take it. */
  offer(topic: string, payload: Uint8Array): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#pausedUntilMs) return false;
    if (!this.#send(topic, payload)) {
      this.#pausedUntilMs = nowMs + this.#pauseMs;
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
      return false;
    }
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#sentMs[this.#oldest] = nowMs;
    this.#oldest = (this.#oldest + 1) % this.#sentMs.length;
    return true;
  }

  /** What goes wrong with one viewer is not to reach the others. */
  #send(topic: string, payload: Uint8Array): boolean {
    try {
      return this.#viewer.send(topic, payload);
    } catch (error) {
      this.#logger.error({ topic, error: messageOf(error) }, 'A digest could not be sent to a viewer.');
      return false;
    }
  }
}
