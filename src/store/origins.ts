import type { Origin } from './port.ts';

/**
 * The incarnation that gave a message its number: the one name of a message that all copies of a store agree on. What of
 * its messages is in a history can so be said once, whichever copy recorded them.
 */
export function originOf(
  store: { readonly incarnation: string; readonly origins: readonly Origin[] },
  number: number,
): Origin {
  return (
    store.origins.find(({ upTo }) => number <= upTo) ?? {
      incarnation: store.incarnation,
      upTo: Number.MAX_SAFE_INTEGER,
    }
  );
}
