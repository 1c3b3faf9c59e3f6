/**
 * The aliases that stand for topics towards one client (MQTT 5.0, 3.3.2.3.4), as long as its connection. A topic gets one
 * with its first message while there are any; then the one that takes an alias over is a topic that was sent while the
 * alias was not used for a whole round (second chance), so that those sent often keep theirs.
 */
export class OutgoingAliases {
  readonly #max: number;
  readonly #byTopic = new Map<string, number>();
  /** Index = alias - 1. */
  readonly #topics: string[] = [];
  readonly #used: boolean[] = [];
  #hand = 0;

  /** `max`: the greatest alias that the client takes and we give. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The alias that the client knows for a topic, or 0. */
  of(topic: string): number {
    const alias = this.#byTopic.get(topic);
    if (alias === undefined) return 0;
    this.#used[alias - 1] = true;
    return alias;
  }

  /** An alias that may be given to another topic now, or 0. It is not taken before `set`. */
  free(): number {
    const taken = this.#topics.length;
    if (taken < this.#max) return taken + 1; // [MQTT-3.1.2-26] [MQTT-3.3.2-11]
    const at = this.#hand;
    this.#hand = at + 1 === taken ? 0 : at + 1;
    if (!this.#used[at]) return at + 1;
    this.#used[at] = false;
    return 0;
  }

  /** The client has been told that the alias is this topic's. */
  set(alias: number, topic: string): void {
    const before = this.#topics[alias - 1];
    if (before !== undefined) this.#byTopic.delete(before);
    this.#topics[alias - 1] = topic;
    this.#used[alias - 1] = true;
    this.#byTopic.set(topic, alias);
  }
}
