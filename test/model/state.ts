import type { Packet } from '../../src/codec/index.ts';
import type { Entry } from './groups.ts';

export type Qos = 0 | 1 | 2;
export type Message = {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly retain: boolean;
  /** Infinity: never. */
  readonly expiresAtS: number;
};
export type Will = { readonly message: Message; readonly delayS: number };
export type Options = { readonly qos: Qos; readonly noLocal: boolean; readonly retainAsPublished: boolean };
export type Subscription = Options & { readonly identifier: number | null };
export type Delivery = {
  readonly message: Message;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: number[];
};
/** For a queue. `mayBeAgain`: it may have been on its way when the connection was lost, so that it comes as a duplicate. */
export type Queued = Delivery & { mayBeAgain: boolean };
/**
 * `entry`: it is a group's. `orElse`: what it may be as well, where its connection's version hides in what they differ: before
 * 5.0 there are no subscription identifiers.
 */
export type Flight = Delivery & {
  readonly id: number;
  readonly orElse: readonly Delivery[];
  readonly entry: Entry | null;
  awaits: 'puback' | 'pubrec' | 'pubcomp';
};
/** A message of a group as it was to come on a connection: nobody has seen where it went. */
export type Hidden = { readonly entry: Entry; readonly delivery: Delivery; readonly link: Link };
/** A new subscription's retained messages, by topic: what each is or was just now. Not `must`: it came after the SUBSCRIBE. */
export type Search = {
  readonly filter: string;
  readonly subscription: Subscription;
  readonly found: Map<string, Found>;
};
/** Set anew after it was removed, the search may come to it a second time. */
export type Found = { readonly versions: Message[]; must: boolean; wasRemoved?: boolean };

export type Connecting = {
  readonly version: 4 | 5;
  readonly clean: boolean;
  readonly expiryS: number;
  readonly keepAliveS: number;
  /** Most that may be in flight to it: its Receive Maximum, or the broker's own limit. */
  readonly window: number;
  readonly will: Will | null;
};

/** One network connection: the answers and the QoS 0 messages that it has yet to get. */
export type Link = Connecting & {
  readonly session: Session;
  /** It ended a session: until its CONNACK has come, which waits for the disk, nothing that it sends is read. */
  readonly endedOne: boolean;
  isOpen: boolean;
  /** The reason with which the broker ends it. */
  goodbye: number | null;
  heardS: number;
  readonly answers: string[];
  readonly atMostOnce: Delivery[];
};

export type Session = {
  readonly who: string;
  link: Link | null;
  readonly subscriptions: Map<string, Subscription>;
  readonly queue: Queued[];
  inflight: Flight[];
  /** Those of `inflight` that this connection has yet to get again. */
  again: Flight[];
  searches: Search[];
  /** Messages of groups that it may have. */
  hidden: Hidden[];
  /** QoS 2 messages from it between PUBLISH and PUBREL. */
  readonly received: Set<number>;
  will: Will | null;
  willAtS: number;
  expiryS: number;
  endsAtS: number;
};

export type Filtered = Options & { readonly filter: string; readonly retainHandling: 0 | 1 | 2 };
export type Published = Extract<Packet, { type: 'publish' }>;

export function newSession(who: string): Session {
  const free = { will: null, willAtS: Infinity, expiryS: 0, endsAtS: Infinity };
  const empty = {
    subscriptions: new Map(),
    queue: [],
    inflight: [],
    again: [],
    searches: [],
    hidden: [],
    received: new Set<number>(),
  };
  return { who, link: null, ...empty, ...free };
}

/** Whether a filter takes a topic (MQTT 4.7). */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false; // [MQTT-4.7.2-1]
  const levels = topic.split('/');
  const wanted = filter.split('/');
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true; // [MQTT-4.7.1-1]
    if (at >= levels.length || (level !== '+' && level !== levels[at])) return false;
  }
  return wanted.length === levels.length;
}

/** Whether a PUBLISH is this delivery, as this connection's version says it. */
export function isSame(link: Link, delivery: Delivery, packet: Published, nowS: number): boolean {
  const { message, qos, retain, identifiers } = delivery;
  const came = packet.properties.subscriptionIdentifiers ?? [];
  const due = link.version === 5 ? identifiers : [];
  const leftS = Math.max(0, message.expiresAtS - nowS); // [MQTT-3.3.2-6]
  return (
    packet.topic === message.topic &&
    packet.payload.toString() === message.payload &&
    packet.qos === qos &&
    packet.retain === retain &&
    (link.version < 5 || (packet.properties.messageExpiryInterval ?? Infinity) === leftS) &&
    [...came].sort().join() === [...due].sort().join()
  );
}

/** An answer in the words in which it is expected. */
export function answerOf(packet: Packet): string {
  switch (packet.type) {
    case 'connack':
      return `connack ${packet.sessionPresent} ${packet.reason}`;
    case 'suback':
    case 'unsuback':
      return `${packet.type} ${packet.packetId} ${packet.reasons}`;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return `${packet.type} ${packet.packetId} ${packet.reason}`;
    default:
      return packet.type;
  }
}

/** For the error that tells what differs. */
export function said(packet: Packet): string {
  return `${JSON.stringify('payload' in packet ? { ...packet, payload: packet.payload.toString() } : packet)} came`;
}

/** For the error that tells what differs. */
export function stateOf({ session, answers, atMostOnce, goodbye }: Link): string {
  const { who, again, queue, searches } = session;
  const inflight = session.inflight.map((flight) => ({ ...flight, entry: undefined })); // which knows all of its group
  return `to ${who} only this might: ${JSON.stringify({ answers, atMostOnce, goodbye, inflight, again, queue, searches })}`;
}
