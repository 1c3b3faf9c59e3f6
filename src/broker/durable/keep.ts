import type { Subscription } from '../../session/index.ts';
import { encodeMessage, type StoredMessage } from '../../store/index.ts';
import type { Client } from '../client.ts';
import type { BrokerCore } from '../core.ts';
import type { World } from '../world.ts';
import { encodeSession } from './session-record.ts';

/*
 * What is written of sessions so that they outlive the process; docs/storage.md has the keys and values. Each write joins
 * the turn's batch. Who waits for it calls `appended`; what may be lost with the last milliseconds, and is then as it was
 * before, calls `wrote`.
 */

/** What an exchange of QoS 2 waits for: the PUBREL of the sender, or the PUBCOMP of the receiver. */
export type ExchangeKind = 'received' | 'releasing';

/** The session's connection, its end or its will is another. */
export function keepSession(core: BrokerCore, client: Client): void {
  if (!client.persistent) return;
  core.durable.put('session', sessionKey(client), encodeSession(client, core.expiry.toWallUs));
  core.turn.wrote();
}

/** The session is over. Its queue is dropped by whoever calls this. */
export function forgetSession(core: BrokerCore, client: Client): void {
  if (!client.persistent) return;
  core.durable.remove('session', sessionKey(client));
  for (const id of client.session.received) core.durable.remove('exchange', exchangeKey(client, 'received', id));
  for (const id of client.session.inflight.releasing()) {
    core.durable.remove('exchange', exchangeKey(client, 'releasing', id));
  }
  for (const id of client.frozen?.releasing ?? [])
    core.durable.remove('exchange', exchangeKey(client, 'releasing', id));
  core.turn.wrote();
}

/** SUBACK waits for it. */
export function keepSubscription(core: BrokerCore, client: Client, filter: string, subscription: Subscription): void {
  if (!client.persistent) return;
  const { qos, noLocal, retainAsPublished, identifier } = subscription; // whatever else hangs on it
  const text = JSON.stringify({ qos, noLocal, retainAsPublished, identifier });
  core.durable.put('subscription', subscriptionKey(client, filter), Buffer.from(text));
  core.turn.appended();
}

/** UNSUBACK waits for it. */
export function forgetSubscription(core: BrokerCore, client: Client, filter: string): void {
  if (!client.persistent) return;
  core.durable.remove('subscription', subscriptionKey(client, filter));
  core.turn.appended();
}

/** PUBREC or PUBREL waits for it. */
export function keepExchange(core: BrokerCore, client: Client, kind: ExchangeKind, id: number): void {
  if (!client.persistent) return;
  core.durable.put('exchange', exchangeKey(client, kind, id), NOTHING);
  core.turn.appended();
}

/** PUBCOMP waits for it: else a new message under the identifier might count as the old one. */
export function forgetExchange(core: BrokerCore, client: Client, kind: ExchangeKind, id: number): void {
  if (!client.persistent) return;
  core.durable.remove('exchange', exchangeKey(client, kind, id));
  if (kind === 'received') core.turn.appended();
  else core.turn.wrote();
}

/** The acknowledgement of a retained message waits for it. */
export function keepRetainedMessage(core: BrokerCore, world: World, message: StoredMessage): void {
  core.durable.put('retained', retainedKey(world, message.topic), encodeMessage(message, core.expiry));
  waitIfAcknowledged(core, message.qos);
}

export function forgetRetainedMessage(core: BrokerCore, world: World, topic: string, qos: number): void {
  core.durable.remove('retained', retainedKey(world, topic));
  waitIfAcknowledged(core, qos);
}

function waitIfAcknowledged(core: BrokerCore, qos: number): void {
  if (qos > 0) core.turn.appended();
  else core.turn.wrote();
}

function sessionKey({ world, session }: Client): string {
  return `${world.number}/${session.clientId}`;
}

/** No client id has a NUL [MQTT-1.5.3-2]. */
function subscriptionKey(client: Client, filter: string): string {
  return `${sessionKey(client)}\0${filter}`;
}

function exchangeKey(client: Client, kind: ExchangeKind, id: number): string {
  return `${client.queue}/${kind}/${id}`;
}

function retainedKey(world: World, topic: string): string {
  return `${world.number}/${topic}`;
}

const NOTHING = new Uint8Array(0);
