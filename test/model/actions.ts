import fc from 'fast-check';
import type { Filtered, Qos } from './state.ts';

export const CLIENTS = ['a', 'b', 'c'] as const;
type Who = (typeof CLIENTS)[number];

/**
 * What a client does, as plain JSON. One that cannot do it now (it is not connected) does nothing. `hurry`: the next action
 * follows within the same turn of the event loop, before anything was answered.
 */
export type Action = { readonly who: Who; readonly hurry?: boolean } & (
  | {
      readonly do: 'connect';
      readonly version: 4 | 5;
      readonly clean: boolean;
      readonly expiryS: number;
      readonly keepAliveS: number;
      readonly receiveMaximum: number | null;
      readonly will: { readonly qos: Qos; readonly retain: boolean; readonly delayS: number } | null;
    }
  | { readonly do: 'drop' }
  | { readonly do: 'disconnect'; readonly withWill: boolean; readonly expiryS: number | null }
  | { readonly do: 'subscribe'; readonly filters: readonly Filtered[]; readonly identifier: number | null }
  | { readonly do: 'unsubscribe'; readonly filter: string }
  | {
      readonly do: 'publish';
      readonly topic: string;
      readonly qos: Qos;
      readonly retain: boolean;
      /** Packet identifier. An open one of QoS 2 again is the same message again. */
      readonly id: number;
      readonly isEmpty: boolean;
      /** Message Expiry Interval. */
      readonly messageExpiryS?: number | null;
    }
  /** PUBREL. */
  | { readonly do: 'release'; readonly id: number }
  /** The `nth` message in flight to it, or one that is not; `next` is what is its turn. */
  | {
      readonly do: 'acknowledge';
      readonly nth: number;
      readonly with: 'next' | 'puback' | 'pubrec' | 'pubcomp';
      readonly isRefused: boolean;
    }
  | { readonly do: 'ping' }
  /** `isBetween`: what follows comes after the last second has begun and before the broker has looked at the clock. */
  | { readonly do: 'wait'; readonly seconds: number; readonly isBetween?: boolean }
);

const who = fc.constantFrom(...CLIENTS);
const hurry = fc.constantFrom(false, false, true);
const qos = fc.constantFrom<Qos[]>(0, 1, 2);
const filter = fc.constantFrom('t', 't/u', 't/+', 't/#', '#', '+', '+/u', 'will/+', '$own', '$own/#', 'v', 'w/#');
/** No two of them take the same topic: else nobody could tell whose a message is. */
const shared = fc.constantFrom('$share/g/t/#', '$share/g/t/#', '$share/h/v', '$share/g/will/+');
const topic = fc.constantFrom('t', 't/u', 't/u', 'v', 'w', 'w/u', '$own');
/** Of no group: there, of two empty messages nobody could tell which came. */
const MAY_BE_EMPTY: readonly string[] = ['w', 'w/u', '$own'];
const expiryS = fc.constantFrom(0, 5, 30, 30, 0xffffffff);

const connect = fc.record({
  who,
  hurry,
  do: fc.constant('connect' as const),
  version: fc.constantFrom<(4 | 5)[]>(4, 5),
  clean: fc.constantFrom(true, false, false),
  expiryS,
  keepAliveS: fc.constantFrom(0, 0, 4),
  receiveMaximum: fc.constantFrom(null, 1, 2, 3),
  will: fc.option(fc.record({ qos, retain: fc.boolean(), delayS: fc.constantFrom(0, 0, 3, 10) })),
});
const drop = fc.record({ who, hurry, do: fc.constant('drop' as const) });
const disconnect = fc.record({
  who,
  hurry,
  do: fc.constant('disconnect' as const),
  withWill: fc.boolean(),
  expiryS: fc.option(expiryS),
});
const retainHandling = fc.constantFrom<(0 | 1 | 2)[]>(0, 0, 1, 2);
const subscribe = fc.record({
  who,
  hurry,
  do: fc.constant('subscribe' as const),
  filters: fc.array(
    fc.oneof(
      {
        weight: 2,
        arbitrary: fc.record({
          filter,
          qos,
          noLocal: fc.constantFrom(false, false, true),
          retainAsPublished: fc.boolean(),
          retainHandling,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          filter: shared,
          qos,
          noLocal: fc.constant(false), // [MQTT-3.8.3-4]
          retainAsPublished: fc.constant(false), // so that it cannot be taken for a retained one of another filter
          retainHandling,
        }),
      },
    ),
    { minLength: 1, maxLength: 3 },
  ),
  identifier: fc.constantFrom(null, null, 1, 2, 300),
});
const unsubscribe = fc.record({
  who,
  hurry,
  do: fc.constant('unsubscribe' as const),
  filter: fc.oneof(filter, shared),
});
const publish = fc
  .record({
    who,
    hurry,
    do: fc.constant('publish' as const),
    topic,
    qos,
    retain: fc.constantFrom(false, false, true),
    id: fc.integer({ min: 1, max: 4 }),
    isEmpty: fc.constantFrom(false, false, true),
    messageExpiryS: fc.constantFrom(null, null, 1, 2),
  })
  .map((action) => ({ ...action, isEmpty: action.isEmpty && MAY_BE_EMPTY.includes(action.topic) }));
const release = fc.record({ who, hurry, do: fc.constant('release' as const), id: fc.integer({ min: 1, max: 4 }) });
const acknowledge = fc.record({
  who,
  hurry,
  do: fc.constant('acknowledge' as const),
  nth: fc.constantFrom(0, 0, 0, 1, 2, 9),
  with: fc.constantFrom(...(['next', 'next', 'next', 'next', 'next', 'next', 'puback', 'pubrec', 'pubcomp'] as const)),
  isRefused: fc.constantFrom(false, false, false, false, true),
});
const ping = fc.record({ who, hurry, do: fc.constant('ping' as const) });
const wait = fc.record({
  who,
  do: fc.constant('wait' as const),
  seconds: fc.constantFrom(1, 2, 3, 7, 31),
  isBetween: fc.boolean(),
});

const anything = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: connect },
    { weight: 2, arbitrary: drop },
    { weight: 1, arbitrary: disconnect },
    { weight: 4, arbitrary: subscribe },
    { weight: 1, arbitrary: unsubscribe },
    { weight: 9, arbitrary: publish },
    { weight: 2, arbitrary: release },
    { weight: 7, arbitrary: acknowledge },
    { weight: 1, arbitrary: ping },
    { weight: 2, arbitrary: wait },
  ),
  { minLength: 1, maxLength: 60, size: 'max' },
);
/** Mostly everybody comes and subscribes first: else many sequences would be about nothing. */
const beginnings = CLIENTS.flatMap((each): fc.Arbitrary<Action>[] => [
  connect.map((action) => ({ ...action, who: each })),
  subscribe.map((action) => ({ ...action, who: each })),
]);
export const sequences: fc.Arbitrary<readonly Action[]> = fc
  .tuple(fc.tuple(...beginnings.map((action) => fc.option(action, { freq: 8 }))), anything)
  .map(([first, rest]) => [...first.filter((action) => action !== null), ...rest]);
