/** What the bench asks of a worker of the mode `durable`, and what it says. Publishers are numbered from 0. */
export type DurableRequest =
  /** Publish at QoS 1 as fast as the window lets, until the broker is gone. */
  | {
      readonly step: 'publish';
      readonly port: number;
      readonly publishers: number;
      readonly window: number;
      readonly payloadBytes: number;
    }
  /** Make the session that stays away, with its subscription. */
  | { readonly step: 'subscribe'; readonly port: number }
  /** Come back with that session and take all that waits: through `acked[publisher]` of each at least. */
  | { readonly step: 'drain'; readonly port: number; readonly acked: readonly number[] };

export type DurableReport =
  | { readonly said: 'acked'; readonly total: number; readonly atMicros: number }
  /** The broker is gone: how many each publisher has sent, and how many of them, from the first on, were acknowledged. */
  | { readonly said: 'cut'; readonly acked: readonly number[]; readonly sent: readonly number[] }
  | { readonly said: 'subscribed' }
  | {
      readonly said: 'drained';
      readonly received: number;
      /** Acknowledged and not delivered. */
      readonly lost: number;
      readonly twice: number;
      readonly outOfOrder: number;
      /** From the first message to the last. */
      readonly micros: number;
    };

export const AWAY = 'bench-away';
export const FILTER = 'bench/durable/+';
