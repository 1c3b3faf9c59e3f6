import type { Version } from '../codec/index.ts';
import type { TopicEntry } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import type { EnhancedAuth } from './enhanced-auth.ts';
import type { Viewer } from './hooks.ts';
import type { OutgoingAliases } from './outgoing-aliases.ts';
import { Output } from './output.ts';
import type { PublishRate } from './rates.ts';
import type { Receivers } from './receivers.ts';
import type { Counters } from './stats.ts';
import type { Tail } from './tail.ts';
import type { Waiting } from './waiting-unread.ts';
import type { Wire } from './wire.ts';

/**
 * Where a connection stands: `authenticating` keeps what comes until the sign-in is decided, `exchanging` takes the AUTH
 * packets of enhanced authentication. Moved on only by the methods of Connection.
 */
export type ConnectionState = 'new' | 'authenticating' | 'exchanging' | 'open' | 'closed';

/** Of all connections that nobody waits for, so that looking costs no memory of each. Never written to. */
export const NOBODY: Set<Connection> = new Set();

/** What is known of one connection; Connection is what it does. */
export class ConnectionFields {
  // What each message needs comes first: V8 keeps the fields in this order, and a thousand connections that take turns
  // find each line of it in memory anew.
  state: ConnectionState = 'new';
  version: Version = 4;
  client: Client | null = null;
  readonly core: BrokerCore;
  /** What it counts in: its world's, once it has one. */
  counters: Counters;
  tail: Tail | null = null;
  bytesIn = 0;
  /** When a packet came last, a whole one or a good part of a large one. Monotonic, in whole milliseconds. */
  lastPacketMs: number;
  /** The topic of the last PUBLISH: most devices publish to one. */
  lastTopic: TopicEntry<Receivers> | null = null;
  /** In the list of those to flush at the end of the turn. */
  dirty = false;
  readonly output = new Output();
  readonly wire: Wire;
  /** It took no byte for too long: nobody waits for it any more. */
  stalled = false;
  /** Towards a client that allows them; null: none. */
  outgoingAliases: OutgoingAliases | null = null;
  /** It does not take the answers to what it sends: it is not read until it has. */
  unread = false;
  /** What it sent is kept for one of the next turns. */
  putOff = false;
  /** Monotonic: when that was last. */
  putOffAtMs = Number.NEGATIVE_INFINITY;
  /** It publishes while memory is short. */
  slowed = false;
  /** Those who publish to it and are not read until it has caught up. */
  waiting = NOBODY;
  /** A PUBLISH of it waits unread, and all behind it: there is no room for it. */
  parked = false;
  /** The receivers of that PUBLISH were found in a turn before, and nothing else was done for it. */
  searched = false;
  /** It waits for room, with a PUBLISH or behind one; null: it does not. */
  roomWaiting: Waiting | null = null;
  /** Bytes that it has published since the recorder's buffer got crowded for the `crowd`th time. */
  crowd = 0;
  crowdBytes = 0;
  /** Null: its publishes have no limit. */
  rate: PublishRate | null = null;
  /** Largest packet that the client takes. */
  maxPacketBytes = Number.POSITIVE_INFINITY;
  /** Acknowledgements and messages that wait for a commit, and how many of them are messages. */
  heldAcks = 0;
  heldPublishes = 0;
  /** Largest packet that is taken from it. */
  readonly maxReceivedBytes: number;
  /** Answers of the topic rules for topics that it published to lately. */
  mayPublish: Map<string, boolean> | null = null;
  /** Inbound topic aliases (MQTT 5.0, 3.3.2.3.4), index = alias. */
  aliases: (TopicEntry<Receivers> | undefined)[] | null = null;

  /** Monotonic. */
  readonly openedAtMs: number;
  /** Its client is a bridge to another broker: nothing goes back to it, and RETAIN goes on as it came. */
  bridge = false;
  /** A PINGREQ came. */
  pinged = false;
  /** 0: no time-out. */
  keepAliveMs = 0;
  /** QoS 2 messages that the client may have between PUBLISH and PUBREL. */
  maxReceived = 0;
  /** Its CONNECT asked for a session that outlives it: DISCONNECT may set another expiry [MQTT-3.14.2-2]. */
  askedToStay = false;
  /** It wants to be told in words what went wrong (Request Problem Information). */
  wantsProblems = true;
  /** Of a client that gave an authentication method; null for all others. */
  auth: EnhancedAuth | null = null;
  /** As a reader of computed topics, once it is one. */
  viewer: Viewer | null = null;

  /** How often, lately, and when last (monotonic). */
  stalls = 0;
  stalledAtMs = 0;
  /** Things that were refused to it. */
  refusals = 0;
  /** Monotonic time of the last progress of its output while it is behind. */
  behindSinceMs = 0;
  /** The length of its CONNECT was not as the standard wants it. */
  shortConnect = false;
  /** A CONNECT came, whole: its sender understands a CONNACK. */
  sawConnect = false;
  /** Its peer sends nothing more; called when what came before has been read. */
  onEnd: (() => void) | null = null;

  /** It has sent no whole CONNECT, and nothing that waits for us to read it. */
  get owesConnect(): boolean {
    return this.state === 'new' && !this.putOff;
  }

  constructor(core: BrokerCore, wire: Wire) {
    this.core = core;
    this.wire = wire;
    this.maxReceivedBytes = wire.limits?.maxPacketBytes ?? core.limits.maxPacketBytes;
    this.counters = core.counters;
    this.openedAtMs = core.clock.monotonicMs();
    this.lastPacketMs = Math.trunc(this.openedAtMs);
  }
}
