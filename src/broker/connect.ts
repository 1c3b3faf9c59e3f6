import { randomBytes } from 'node:crypto';
import { type Decision, isSamePrincipal, type Principal, substitute } from '../access/index.ts';
import { messageOf } from '../base/index.ts';
import type { Connack, Connect, Properties } from '../codec/index.ts';
import { Reason } from '../codec/index.ts';
import { Session } from '../session/index.ts';
import type { QueueEntry } from '../store/index.ts';
import { namespaceFull, signedIn } from './admission.ts';
import { Client } from './client.ts';
import { resumeComputed } from './computed.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { thaw } from './durable/frozen.ts';
import { keepSession } from './durable/keep.ts';
import { signInByMethod, takeConnackAuth } from './enhanced-auth.ts';
import { leaveForbidden, presenceChanged } from './groups.ts';
import { endSession } from './lifecycle.ts';
import { nameFault } from './names.ts';
import { OutgoingAliases } from './outgoing-aliases.ts';
import { inWords } from './problem-information.ts';
import { beginAgain } from './pump.ts';
import { putOff } from './reading-later.ts';
import { rightsChanged } from './receivers.ts';
import { encodeForwarded, isAsItSays, isReserved } from './route.ts';
import { countConnected, moveConnect } from './stats.ts';
import { admitLater, noteTakeover, type Takeovers, waitToTakeOver } from './takeovers.ts';
import type { Will } from './will.ts';
import type { World } from './world.ts';

const NEVER = 0xffffffff;
/** The greatest keep-alive there is: nobody is told another. */
const NO_CEILING_S = 65_535;

/** CONNECT, in its steps: look at it, ask who it is, find the session, take over, answer. */
export function connect(core: BrokerCore, connection: Connection, packet: Connect): void {
  core.meter.begin('connect');
  // What it takes and wants holds for its refusal too.
  connection.maxPacketBytes = Math.min(
    packet.properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    connection.wire.limits?.maxSentPacketBytes ?? Number.POSITIVE_INFINITY,
  );
  connection.wantsProblems = packet.properties.requestProblemInformation ?? true;
  const { serverReference, serverReferenceWhen } = core.mqtt5;
  if (serverReference !== null && serverReferenceWhen !== 'shutdown') {
    const reason = serverReferenceWhen === 'now' ? Reason.useAnotherServer : Reason.serverMoved;
    connection.refuse(reason, `clients are sent to ${serverReference}`, { serverReference }); // 4.11
    return;
  }
  const fault = connectFault(core, packet);
  if (fault) {
    connection.refuse(fault.reason, fault.why, inWords(fault.why));
    return;
  }
  // Made before the sign-in, whose rules may depend on it.
  const clientId = packet.clientId === '' ? `auto-${randomBytes(8).toString('hex')}` : packet.clientId; // [MQTT-3.1.3-6]
  if (packet.properties.authenticationMethod !== undefined) {
    signInByMethod(core, connection, packet, clientId, (decision) =>
      decide(core, connection, packet, clientId, decision),
    );
    return;
  }
  let decision: Decision | Promise<Decision>;
  try {
    decision = core.access.authenticate({
      clientId,
      username: packet.username,
      password: packet.password,
      remote: connection.wire.remote,
    });
  } catch (error) {
    connection.refuse(Reason.serverUnavailable, `sign-in failed: ${messageOf(error)}`);
    return;
  }
  if (!(decision instanceof Promise)) {
    decide(core, connection, packet, clientId, decision);
    return;
  }
  const decided = decision.then(
    (settled) => decide(core, connection, packet, clientId, settled),
    (error) => connection.refuse(Reason.serverUnavailable, `sign-in failed: ${messageOf(error)}`),
  );
  goOnAfter(connection, decided, () => {});
}

/** Goes on with a CONNECT when something has been waited for. Meanwhile nothing more is read from its sender. */
function goOnAfter(connection: Connection, ready: Promise<void>, goOn: () => void): void {
  connection.hold();
  ready
    .then(() => {
      if (connection.state !== 'closed') goOn();
    })
    .finally(() => {
      connection.unhold();
      connection.resumeReading();
    })
    .catch((error) => connection.abort(messageOf(error)));
}

function connectFault(core: BrokerCore, packet: Connect): { reason: number; why: string } | null {
  if (packet.clientId === '' && (packet.version === 3 || (packet.version === 4 && !packet.clean))) {
    // [MQTT-3.1.3-8]; 3.1 has no empty client id at all.
    return { reason: Reason.clientIdentifierNotValid, why: 'the client id is empty and the session is not clean' };
  }
  const will = packet.will;
  if (will) {
    const why = nameFault(core, will.topic);
    if (why) return { reason: Reason.topicNameInvalid, why: `will: ${why}` };
    if (isReserved(core, will.topic))
      return { reason: Reason.notAuthorized, why: `will: ${will.topic} is the server's own` };
    if (!isAsItSays(core, will.properties, will.payload))
      return {
        reason: Reason.payloadFormatInvalid,
        why: 'will: its payload is not UTF-8, which its format indicator says',
      };
  }
  return null;
}

function decide(core: BrokerCore, connection: Connection, packet: Connect, clientId: string, decision: Decision): void {
  if (connection.state === 'closed') return;
  if (!decision.ok) {
    connection.refuse(REFUSALS[decision.reason], decision.detail); // [MQTT-3.1.4-2] [MQTT-4.12.0-4]
    return;
  }
  const { principal } = decision;
  const world = core.worlds.get(principal.world);
  if (!world) {
    connection.refuse(Reason.notAuthorized, `namespace ${principal.world} does not exist`);
    return;
  }
  if (packet.will && !principal.rules.all && !principal.rules.mayPublish(packet.will.topic)) {
    const why = `will: may not publish to ${packet.will.topic}`;
    connection.refuse(Reason.notAuthorized, why, inWords(why));
    return;
  }
  const holder = world.clients.get(clientId);
  const full = namespaceFull(core, world, holder);
  if (full !== null) {
    connection.refuse(Reason.quotaExceeded, full, inWords(full));
    return;
  }
  const goOn = () => admit(core, connection, packet, clientId, principal, world);
  const waitMs = holder?.connection ? waitToTakeOver(core, holder, connection) : 0;
  if (waitMs > 0) admitLater(core, connection, principal, waitMs, goOn);
  else goOn();
}

const REFUSALS = {
  'bad-credentials': Reason.badUserNameOrPassword,
  'not-authorized': Reason.notAuthorized,
  unavailable: Reason.serverUnavailable,
} as const;

function admit(
  core: BrokerCore,
  connection: Connection,
  packet: Connect,
  clientId: string,
  principal: Principal,
  world: World,
): void {
  const expiryS = expiryOf(core, packet);

  let client = world.clients.get(clientId); // [MQTT-3.1.3-2]
  let takeovers: Takeovers | null = null;
  if (client?.connection) {
    takeovers = noteTakeover(core, client, connection);
    client.connection.disconnect(Reason.sessionTakenOver, 'another connection uses its client id'); // [MQTT-3.1.4-3]
    client = world.clients.get(clientId);
  }
  // A session belongs to whom it was made for: somebody else with its client id starts afresh.
  const resumed = client !== undefined && !client.over && !packet.clean && isSamePrincipal(client.principal, principal); // [MQTT-3.1.2-5]
  let replaces = false;
  if (client && !resumed) {
    replaces = client.persistent || client.replaces;
    endSession(core, client, 'a clean start'); // [MQTT-3.1.2-4] [MQTT-3.1.4-4]
    client = undefined;
  }
  if (!client) {
    if (world.clients.size >= core.limits.maxSessions) {
      const why = 'the limit of sessions is reached';
      core.reached.maxSessions += 1;
      connection.refuse(Reason.quotaExceeded, why, inWords(why));
      return;
    }
    client = newClient(core, world, principal, clientId, packet, expiryS !== 0); // [MQTT-3.1.2-6]
    client.replaces = replaces;
    world.clients.set(clientId, client);
  }
  if (client.frozen !== null) {
    const again = (): void => admit(core, connection, packet, clientId, principal, world);
    goOnAfter(connection, thaw(core, client), again);
    return;
  }
  client.takeovers = takeovers ?? client.takeovers;
  attach(core, connection, client, packet, principal, expiryS);
  signedIn(core, connection, packet);

  accept(core, connection, client, {
    type: 'connack',
    sessionPresent: resumed, // [MQTT-3.2.2-2] [MQTT-3.2.2-3]
    reason: Reason.success, // [MQTT-3.1.4-5]
    properties:
      packet.version === 5
        ? { ...connackProperties(core, connection, packet, client, expiryS), ...takeConnackAuth(connection) }
        : {},
  });
  core.logger.debug(
    { client: clientId, version: packet.version, address: connection.wire.remote.address },
    'connected',
  );
  keepSession(core, client);
  if (resumed) {
    beginAgain(client);
    resumeComputed(core, connection, client);
  }
  core.windowOpened(client);
}

/**
 * Sends CONNACK. Where the session before it may come back after a crash, not until that is gone for good: what the client
 * knows to be over must not swallow what it sends next. Meanwhile nothing more is read from it.
 */
function accept(core: BrokerCore, connection: Connection, client: Client, connack: Connack): void {
  if (!client.replaces) {
    connection.send(connack);
    return;
  }
  connection.state = 'authenticating';
  connection.hold();
  core.turn.appended();
  core.turn.sendWhenDurable(connection, connack, () => {
    client.replaces = false;
    if (connection.state === 'closed') return;
    connection.state = 'open';
    putOff(connection);
    connection.unhold();
  });
}

/** Seconds that the session outlives its connection: 0 not at all, null for ever; cut to the ceiling. */
function expiryOf(core: BrokerCore, packet: Connect): number | null {
  const ceiling = core.limits.maxSessionExpiryS;
  if (packet.version < 5) return packet.clean ? 0 : ceiling;
  const wished = packet.properties.sessionExpiryInterval ?? 0; // [MQTT-3.1.2-23]
  return wished === NEVER ? ceiling : Math.min(wished, ceiling);
}

/** Seconds: what the client asks for, cut to the ceiling where it can be told so; 0 means no time-out. */
function keepAliveOf(core: BrokerCore, packet: Connect): number {
  const { maxKeepAliveS } = core.limits;
  if (packet.version < 5 || maxKeepAliveS === NO_CEILING_S) return packet.keepAlive; // [MQTT-3.2.2-22]
  return packet.keepAlive === 0 ? maxKeepAliveS : Math.min(packet.keepAlive, maxKeepAliveS);
}

function newClient(
  core: BrokerCore,
  world: World,
  principal: Principal,
  clientId: string,
  packet: Connect,
  persistent: boolean,
): Client {
  const store = persistent ? core.durable : core.transient;
  const queue = store.openQueue(`${world.number}/${clientId}`);
  return new Client(world, new Session<QueueEntry>(clientId, packet.version), principal, { store, queue, persistent });
}

function attach(
  core: BrokerCore,
  connection: Connection,
  client: Client,
  packet: Connect,
  principal: Principal,
  expiryS: number | null,
): void {
  connection.client = client;
  connection.state = 'open';
  connection.bridge = packet.bridge;
  connection.askedToStay = (packet.properties.sessionExpiryInterval ?? 0) > 0;
  const keepAliveS = keepAliveOf(core, packet);
  connection.keepAliveMs = keepAliveS * 1500; // one and a half times [MQTT-3.1.2-22]
  const aliases = Math.min(packet.properties.topicAliasMaximum ?? 0, core.limits.maxOutgoingAliases);
  if (aliases > 0) connection.outgoingAliases = new OutgoingAliases(aliases); // else none [MQTT-3.1.2-27]
  if (client.principal !== principal) {
    client.principal = principal;
    rightsChanged(client);
    leaveForbidden(core, client);
  }
  client.session.version = packet.version;
  client.connection = connection;
  presenceChanged(client);
  connection.counters = client.world.counters;
  moveConnect(core.counters, connection.counters, connection.bytesIn);
  countConnected(core, client.world, 1);
  connection.maxReceived = client.session.receivedCount + core.limits.receiveMaximum;
  client.window = Math.min(core.limits.maxInflight, packet.properties.receiveMaximum ?? 65_535); // [MQTT-4.9.0-1]
  client.will = willOf(packet); // [MQTT-3.1.2-7]
  client.keepAliveS = keepAliveS;
  client.expiryS = expiryS;
  client.endsAtMs = null;
  client.willAtMs = null; // the session goes on: a delayed will is not sent [MQTT-3.1.3-9]
  client.connectedAtUs = core.clock.wallMicros();
  client.disconnectedAtUs = null;
  // What came while it was away waits in its queue.
  client.live = !client.persistent || client.cursor >= client.tail;
}

function willOf(packet: Connect): Will | null {
  const will = packet.will;
  if (!will) return null;
  return {
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    properties: encodeForwarded(will.properties), // [MQTT-3.1.3-10]
    expiryS: will.properties.messageExpiryInterval ?? null,
    delayS: will.properties.willDelayInterval ?? 0,
  };
}

function connackProperties(
  core: BrokerCore,
  connection: Connection,
  packet: Connect,
  client: Client,
  expiryS: number | null,
): Properties {
  const wished = packet.properties.sessionExpiryInterval ?? 0;
  const keepAliveS = keepAliveOf(core, packet);
  const responseInformation = packet.properties.requestResponseInformation
    ? responseInformationFor(core, client)
    : null; // [MQTT-3.1.2-28]
  return {
    receiveMaximum: core.limits.receiveMaximum,
    maximumPacketSize: connection.maxReceivedBytes,
    topicAliasMaximum: core.limits.topicAliasMaximum,
    ...(keepAliveS === packet.keepAlive ? {} : { serverKeepAlive: keepAliveS }), // [MQTT-3.2.2-21]
    ...(packet.clientId === '' ? { assignedClientIdentifier: client.session.clientId } : {}), // [MQTT-3.1.3-7] [MQTT-3.2.2-16]
    ...(responseInformation === null ? {} : { responseInformation }),
    ...(expiryS !== null && expiryS !== wished ? { sessionExpiryInterval: expiryS } : {}),
  };
}

/** The basis of the client's response topics, or null where the setting says none or its names cannot stand in a topic. */
function responseInformationFor(core: BrokerCore, { principal, session }: Client): string | null {
  const pattern = core.mqtt5.responseInformation;
  const user = principal.kind === 'token' ? principal.name : null;
  return pattern === null ? null : substitute(pattern, { user, clientId: session.clientId });
}
