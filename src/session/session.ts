import type { Packet, PublishView, Version } from '../codec/index.ts';
import { mayClientDisconnect, PacketType, packetName, Reason, reasonText } from '../codec/index.ts';
import { Inflight, InflightState } from './inflight.ts';
import type { SessionSink } from './sink.ts';

/** One of a session's subscriptions. Its filter is the key that it is kept under. */
export type Subscription = {
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Null where none was given, and before MQTT 5. */
  readonly identifier: number | null;
};

/** What a rare packet asks the broker to do. */
export type Effect =
  | { readonly do: 'send'; readonly packet: Packet }
  | { readonly do: 'subscribe'; readonly packet: Extract<Packet, { type: 'subscribe' }> }
  | { readonly do: 'unsubscribe'; readonly packet: Extract<Packet, { type: 'unsubscribe' }> }
  | { readonly do: 'auth'; readonly packet: Extract<Packet, { type: 'auth' }> }
  /** The client says good-bye. `expiryS` is a new session expiry, or null to keep the one it has. */
  | { readonly do: 'disconnect'; readonly publishWill: boolean; readonly expiryS: number | null }
  | { readonly do: 'fault'; readonly reason: number; readonly text: string };

/**
 * The protocol state of one client: what it is subscribed to and which QoS 1 and 2 exchanges are open. No I/O, no clock.
 * It outlives its connections when the client asked for that. `E` is an entry of its queue.
 *
 * Two doors: `receive` takes rare packets as objects and returns effects; `publish` and `acknowledged` take the frequent
 * ones as scalars and speak to a sink, so that a message costs no object.
 */
export class Session<E> {
  readonly clientId: string;
  /** Of the connection it has, or had last. */
  version: Version;
  readonly subscriptions = new Map<string, Subscription>();
  /** Outgoing messages that are not acknowledged. */
  readonly inflight = new Inflight<E>();
  /** Incoming QoS 2 messages between PUBLISH and PUBREL; at most 65,535. Made when the first one comes. */
  #received: Set<number> | null = null;

  constructor(clientId: string, version: Version) {
    this.clientId = clientId;
    this.version = version;
  }

  /** Incoming QoS 2 messages that wait for their PUBREL. */
  get receivedCount(): number {
    return this.#received?.size ?? 0;
  }

  /** Their identifiers. */
  get received(): Iterable<number> {
    return this.#received ?? [];
  }

  /** Begins with incoming QoS 2 messages of an earlier process. */
  restoreReceived(ids: readonly number[]): void {
    if (ids.length > 0) this.#received = new Set(ids);
  }

  /** A PUBLISH came. */
  publish(bytes: Buffer, publish: PublishView, sink: SessionSink<E>): void {
    if (publish.qos === 0) {
      sink.route(bytes, publish);
      return;
    }
    const id = publish.packetId;
    if (publish.qos === 1) {
      const reason = sink.route(bytes, publish);
      // [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-4.3.2-4]; the same identifier again is a new message [MQTT-4.3.2-5]
      if (reason >= 0) sink.acknowledge(PacketType.PUBACK, id, reason);
      return;
    }
    if (this.#received?.has(id)) {
      sink.repeated(bytes, publish);
      sink.acknowledge(PacketType.PUBREC, id, Reason.success); // sent again: not routed again [MQTT-4.3.3-10]
      return;
    }
    const reason = sink.route(bytes, publish);
    if (reason < 0) return;
    if (reason < 0x80) {
      this.#received ??= new Set();
      this.#received.add(id); // not for a refusal, after which it is a new message [MQTT-4.3.3-9]
      sink.received(id);
    }
    sink.acknowledge(PacketType.PUBREC, id, reason); // [MQTT-4.3.3-8]
  }

  /** A PUBACK, PUBREC, PUBREL or PUBCOMP came. */
  acknowledged(packetType: number, id: number, reason: number, sink: SessionSink<E>): void {
    switch (packetType) {
      case PacketType.PUBACK:
        this.#end(packetType, id, InflightState.awaitsPuback, sink);
        break;
      case PacketType.PUBREC:
        this.#pubrec(id, reason, sink);
        break;
      case PacketType.PUBREL: {
        const known = this.#received?.delete(id) ?? false; // [MQTT-4.3.3-11] [MQTT-4.3.3-12]
        if (known) sink.released(id);
        sink.acknowledge(PacketType.PUBCOMP, id, known ? Reason.success : Reason.packetIdentifierNotFound);
        break;
      }
      case PacketType.PUBCOMP:
        this.#end(packetType, id, InflightState.awaitsPubcomp, sink);
        break;
    }
  }

  /** Any other packet of a client that is connected. */
  receive(packet: Packet): Effect {
    switch (packet.type) {
      case 'pingreq':
        return { do: 'send', packet: { type: 'pingresp' } }; // [MQTT-3.12.4-1]
      case 'subscribe':
        return { do: 'subscribe', packet };
      case 'unsubscribe':
        return { do: 'unsubscribe', packet };
      case 'disconnect':
        if (!mayClientDisconnect(packet.reason)) {
          return fault(`DISCONNECT from a client with "${reasonText(packet.reason)}", a server's word [MQTT-3.14.2-1]`);
        }
        if (packet.properties.serverReference !== undefined) {
          return fault('DISCONNECT from a client with a server reference (MQTT 5.0, 3.14.2.2.5)');
        }
        return {
          do: 'disconnect',
          publishWill: packet.reason !== Reason.success, // only the normal good-bye takes the will back [MQTT-3.14.4-3]
          expiryS: packet.properties.sessionExpiryInterval ?? null,
        };
      case 'connect':
        return fault('a second CONNECT on one connection [MQTT-3.1.0-2]');
      case 'auth':
        return { do: 'auth', packet };
      default:
        return fault(`a client may not send ${packet.type.toUpperCase()}`);
    }
  }

  #pubrec(id: number, reason: number, sink: SessionSink<E>): void {
    const state = this.inflight.stateOf(id);
    if (state === InflightState.awaitsPuback) {
      sink.fault(Reason.protocolError, `PUBREC for packet identifier ${id}, which is a QoS 1 message`);
      return;
    }
    if (reason >= 0x80) {
      // Refused: the exchange is over and nothing is released [MQTT-4.3.3-4] [MQTT-4.4.0-2]; one that is not known was over before.
      if (state !== InflightState.none) this.#end(PacketType.PUBREC, id, state, sink);
      return;
    }
    if (state === InflightState.awaitsPubrec) {
      sink.releasing(id);
      sink.delivered(this.inflight.advance(id, InflightState.awaitsPubcomp)); // [MQTT-4.3.3-3]
    }
    // Also for an identifier that is not known (any more): the sender is to be able to end the exchange.
    const known = state !== InflightState.none;
    sink.acknowledge(PacketType.PUBREL, id, known ? Reason.success : Reason.packetIdentifierNotFound);
  }

  #end(packetType: number, id: number, expected: InflightState, sink: SessionSink<E>): void {
    const state = this.inflight.stateOf(id);
    // An acknowledgement of nothing: late after a reconnect, or a device that counts wrongly. It harms nobody.
    if (state === InflightState.none) return;
    if (state !== expected) {
      sink.fault(Reason.protocolError, `${packetName(packetType)} for packet identifier ${id} out of its turn`);
      return;
    }
    if (state === InflightState.awaitsPubcomp) sink.completed(id);
    sink.delivered(this.inflight.end(id)); // [MQTT-4.3.2-3]
    sink.windowOpened();
  }
}

function fault(text: string): Effect {
  return { do: 'fault', reason: Reason.protocolError, text };
}
