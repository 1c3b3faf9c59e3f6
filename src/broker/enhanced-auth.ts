import type { AuthExchange, AuthStep, Decision } from '../access/index.ts';
import { isSamePrincipal, SCRAM_MECHANISMS } from '../access/index.ts';
import { messageOf } from '../base/index.ts';
import { type Auth, type Connect, encodePacket, type Properties, Reason } from '../codec/index.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { leaveForbidden } from './groups.ts';
import { inWords } from './problem-information.ts';
import { rightsChanged } from './receivers.ts';

/** What a connection that gave an authentication method holds beside the rest (MQTT 5.0, 4.12). */
export type EnhancedAuth = {
  readonly method: string;
  /** The run under way; nothing of it is kept after its end. */
  run: Run | null;
  /** For CONNACK: what proves the server to the client. Null before and after. */
  proof: Buffer | null;
};

type Run = {
  readonly exchange: AuthExchange;
  /** Monotonic. */
  readonly startedAtMs: number;
  readonly ended: (decision: Decision, data: Buffer | null) => void;
};

/** A CONNECT came with an authentication method: goes through its exchange and calls `decided` at its end. */
export function signInByMethod(
  core: BrokerCore,
  connection: Connection,
  packet: Connect,
  clientId: string,
  decided: (decision: Decision) => void,
): void {
  const method = packet.properties.authenticationMethod as string;
  const exchange = open(core, connection, method, clientId, packet.username);
  if (exchange === null) {
    const known = SCRAM_MECHANISMS.map(({ name }) => name).join(' and ');
    const shown = JSON.stringify(method.slice(0, 64));
    const why = `there is no authentication method ${shown}; known are ${known}`;
    connection.refuse(Reason.badAuthenticationMethod, why, inWords(why)); // [MQTT-4.12.0-1]
    return;
  }
  const auth: EnhancedAuth = { method, run: null, proof: null };
  connection.auth = auth;
  connection.state = 'exchanging';
  auth.run = {
    exchange,
    startedAtMs: core.clock.monotonicMs(),
    ended: (decision, data) => {
      auth.proof = data; // until CONNACK, which may come later (see `admitLater`)
      decided(decision);
    },
  };
  step(connection, auth, auth.run, packet.properties.authenticationData ?? null);
}

/**
 * What CONNACK says of the method: nothing where CONNECT had none [MQTT-4.12.0-5], [MQTT-4.12.0-6]. To be called once: the
 * proof is let go.
 */
export function takeConnackAuth({ auth }: Connection): Properties {
  if (auth === null) return {};
  const { method, proof } = auth;
  auth.proof = null;
  return { authenticationMethod: method, ...(proof === null ? {} : { authenticationData: proof }) };
}

/** An AUTH came, before CONNACK or in the session (3.15). */
export function authReceived(core: BrokerCore, connection: Connection, packet: Auth): void {
  const { auth } = connection;
  if (auth === null) {
    connection.fault(Reason.protocolError, 'AUTH, but CONNECT had no authentication method [MQTT-4.12.0-7]');
    return;
  }
  const data = packet.properties.authenticationData ?? null;
  const { authenticationMethod } = packet.properties;
  if (packet.reason === Reason.success) {
    connection.fault(Reason.protocolError, 'AUTH with success, which only a server sends (3.15.2.1)');
  } else if (authenticationMethod !== auth.method) {
    const clause = connection.state === 'open' ? '[MQTT-4.12.1-1]' : '[MQTT-4.12.0-5]';
    connection.fault(Reason.badAuthenticationMethod, `AUTH with another method than CONNECT ${clause}`);
  } else if (packet.reason === Reason.reAuthenticate) {
    signInAgain(core, connection, auth, data);
  } else if (auth.run === null) {
    connection.fault(Reason.protocolError, 'AUTH goes on with an exchange, but none is under way [MQTT-4.12.1-1]');
  } else {
    step(connection, auth, auth.run, data);
  }
}

/** Whether the exchange takes longer than a CONNECT may. */
export function isOverdue(core: BrokerCore, { auth }: Connection, nowMs: number): boolean {
  const run = auth?.run;
  return run != null && nowMs - run.startedAtMs > core.limits.connectTimeoutS * 1000;
}

/** AUTH 0x19: the client proves anew who it is. Messages flow on meanwhile, by the right that it has. */
function signInAgain(core: BrokerCore, connection: Connection, auth: EnhancedAuth, data: Buffer | null): void {
  const { client } = connection;
  if (auth.run !== null || client === null) {
    connection.fault(Reason.protocolError, 'AUTH begins anew while an exchange is under way (4.12.1)');
    return;
  }
  const exchange = open(core, connection, auth.method, client.session.clientId, null);
  if (exchange === null) {
    connection.disconnect(Reason.badAuthenticationMethod, `there is no method ${auth.method} any more`);
    return;
  }
  auth.run = {
    exchange,
    startedAtMs: core.clock.monotonicMs(),
    ended: (decision, proof) => signedInAgain(core, connection, auth, decision, proof),
  };
  step(connection, auth, auth.run, data);
}

function signedInAgain(
  core: BrokerCore,
  connection: Connection,
  auth: EnhancedAuth,
  decision: Decision,
  proof: Buffer | null,
): void {
  const client = connection.client;
  if (connection.state !== 'open' || client === null) return;
  if (!decision.ok) {
    const reason = decision.reason === 'unavailable' ? Reason.serverBusy : Reason.notAuthorized;
    // The detail is for the log alone: it says which of name and secret was wrong.
    const told = inWords('re-authentication refused');
    connection.disconnect(reason, `re-authentication refused: ${decision.detail}`, told); // [MQTT-4.12.1-2]
    return;
  }
  const { principal } = decision;
  // The session, its subscriptions and its will are of the one who signed in first.
  if (!isSamePrincipal(principal, client.principal)) {
    const why = `re-authentication as ${principal.name} in a session of ${client.principal.name}`;
    connection.disconnect(Reason.notAuthorized, why);
    return;
  }
  if (principal !== client.principal) {
    client.principal = principal;
    connection.mayPublish = null;
    rightsChanged(client);
    leaveForbidden(core, client);
  }
  core.logger.debug({ client: connection.name }, 're-authenticated');
  sendAuth(connection, auth.method, Reason.success, proof);
}

function open(
  core: BrokerCore,
  connection: Connection,
  method: string,
  clientId: string,
  username: string | null,
): AuthExchange | null {
  const { remote } = connection.wire;
  return core.access.exchange?.(method, { clientId, username, password: null, remote }) ?? null;
}

function step(connection: Connection, auth: EnhancedAuth, run: Run, data: Buffer | null): void {
  let result: AuthStep;
  try {
    result = run.exchange.next(data);
  } catch (error) {
    const detail = `sign-in failed: ${messageOf(error)}`;
    result = { do: 'end', decision: { ok: false, reason: 'unavailable', detail }, data: null };
  }
  if (result.do === 'continue') {
    sendAuth(connection, auth.method, Reason.continueAuthentication, result.data); // [MQTT-4.12.0-2]
    return;
  }
  auth.run = null;
  run.ended(result.decision, result.data);
}

/** Names the method in each AUTH [MQTT-4.12.0-5]. */
function sendAuth(
  connection: Connection,
  authenticationMethod: string,
  reason: number,
  authenticationData: Buffer | null,
): void {
  const packet: Auth = {
    type: 'auth',
    reason,
    properties: authenticationData === null ? { authenticationMethod } : { authenticationMethod, authenticationData },
  };
  if (encodePacket(packet, 5).length <= connection.maxPacketBytes) {
    connection.send(packet);
    return;
  }
  const why = `AUTH does not fit into the client's maximum packet size of ${connection.maxPacketBytes} bytes [MQTT-3.1.2-24]`;
  if (connection.state === 'open') connection.disconnect(Reason.packetTooLarge, why);
  else connection.refuse(Reason.packetTooLarge, why);
}
