import type { Access, Principal } from '../access/index.ts';
import type { Clock, Logger, MemoryWatermark, Reached, ShedLevel, TurnMeter } from '../base/index.ts';
import type { Auth, Connect, PublishView } from '../codec/index.ts';
import type { Effect } from '../session/index.ts';
import type { ExpiryClock, QueueEntry, Store } from '../store/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { Promised } from './fan-out.ts';
import type { ComputedTopics } from './hooks.ts';
import type { BrokerLimits } from './limits.ts';
import type { MessageView } from './message-view.ts';
import type { Mqtt5Settings } from './mqtt5.ts';
import type { Outgoing } from './outgoing.ts';
import type { QueuePolicy } from './queue-bounds.ts';
import type { QueueOwner } from './queue-owner.ts';
import type { Rates } from './rates.ts';
import type { Counters, ServerCounters } from './stats.ts';
import type { Timings } from './timings.ts';
import type { Turn } from './turn.ts';
import type { World } from './world.ts';

/** Which member of a shared subscription gets a message: the next one that has room, or the same one as long as it has. */
export type Sharing = 'fair' | 'sticky';

/** What the parts of the broker share, and what a connection asks of them. Made once by `createBroker`. */
export type BrokerCore = {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For what a stranger may cause as often as he can connect. Its texts are of a closed list: who knows what he sends. */
  readonly doorLog: Logger;
  readonly limits: BrokerLimits;
  /** How often each bound was met. */
  readonly reached: Reached;
  readonly mqtt5: Mqtt5Settings;
  readonly server: ServerCounters;
  /** What belongs to no world, or not yet. */
  readonly counters: Counters;
  readonly access: Access;
  /** For what must outlive a connection, and for what waits only as long as there is one. */
  readonly durable: Store;
  readonly transient: Store;
  /** Of the messages in the durable one. */
  readonly expiry: ExpiryClock;
  readonly turn: Turn;
  readonly timings: Timings;
  /** What each turn of the event loop costs, and for what. */
  readonly meter: TurnMeter;
  readonly memory: MemoryWatermark | null;
  /** What is shed now, since memory is short. */
  shed: ShedLevel;
  readonly outgoing: Outgoing;
  readonly sharing: Sharing;
  readonly queuePolicy: QueuePolicy;
  readonly rates: Rates;
  readonly worlds: Map<string, World>;
  readonly connections: Set<Connection>;
  /** How many of them there are of each transport. */
  readonly byTransport: Map<string, number>;
  /** Receivers that are behind and that somebody waits for. */
  readonly behind: Set<Connection>;
  /** Messages for more receivers than a turn has time for. */
  promised: Promised;
  /** Clients and groups whose queue may hold messages that expire. */
  readonly expiring: Set<QueueOwner>;
  /** Publishers that wait for the recorder. */
  readonly waitingForRecorder: Set<Connection>;
  /** How often it was crowded and had room again. */
  crowd: number;
  /** CONNECTs that wait before they may take a disputed client id over. */
  readonly slowedDown: Map<Connection, SlowedDown>;
  /** Hints about devices, and when (monotonic) they were given last. */
  readonly hintsTold: Map<string, number>;
  readonly computed: ComputedTopics[];
  /** Entries that wait or are in flight, of all clients and groups, with their `storedBytes`; and whether they are at their bound. */
  queuedInAll: number;
  queuedBytesInAll: number;
  allFull: boolean;
  /** The store's log is as large as it may be. */
  logFull: boolean;
  /** Why publishers have to wait (see `Pressure`); `holding`: at least one of them. */
  recorderFull: boolean;
  storeBehind: boolean;
  diskLow: boolean;
  fanOutBehind: boolean;
  holding: boolean;
  /** Connections whose PUBLISH waits unread. */
  readonly parked: Set<Connection>;
  /** What is kept of connections that wait for room. */
  keptUnreadBytes: number;
  /** Connections whose peers are gone, and whose last messages wait for room. */
  lingering: number;
  /** What was kept of wills since there is no room. */
  heldWillBytes: number;
  /** Messages and bytes that the recorder's queue takes before it has to be looked at. */
  recorderRoom: number;
  recorderRoomBytes: number;
  /** Looks whether it is at its bound. */
  checkRecorder: () => unknown;
  /** Bytes of durable messages since the store was looked at. */
  uncheckedBytes: number;
  /** The message that is worked on: one object for all. */
  readonly message: MessageView;
  /** Arrival of the chunk that is worked on, monotonic and by the wall clock. */
  arrivedMs: number;
  arrivedUs: number;
  /** Where the packet that is worked on starts in its chunk. */
  frameStart: number;

  /** Calls back once, and does not keep the program running. */
  readonly soon: (work: () => void, ms: number) => void;
  readonly connect: (connection: Connection, packet: Connect) => void;
  readonly auth: (connection: Connection, packet: Auth) => void;
  readonly route: (connection: Connection, client: Client, bytes: Buffer, view: PublishView) => number;
  readonly repeated: (connection: Connection, client: Client, bytes: Buffer, view: PublishView) => void;
  readonly perform: (connection: Connection, client: Client, effect: Effect) => void;
  readonly publishHeld: (connection: Connection, client: Client, packetId: number) => void;
  /** `isDelivered` false: the client cannot have it, and the entry is done with all the same. */
  readonly delivered: (client: Client, entry: QueueEntry | null, isDelivered: boolean) => void;
  readonly windowOpened: (client: Client) => void;
  readonly progressed: (connection: Connection) => void;
  readonly refused: (connection: Connection, reason: number, why: string) => void;
  readonly protocolFault: (connection: Connection, reason: number, text: string) => void;
  readonly closed: (connection: Connection) => void;
};

/** A CONNECT that is answered later, at a monotonic time. */
export type SlowedDown = {
  readonly principal: Principal;
  readonly dueMs: number;
  readonly goOn: () => void;
};
