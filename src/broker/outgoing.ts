import { copyBytes, publishRemaining, varintLength, writePublishHeader, writeVarint } from '../codec/index.ts';
import type { Connection } from './connection.ts';
import type { MessageView } from './message-view.ts';
import type { OutgoingAliases } from './outgoing-aliases.ts';

/** Payloads from here on are not copied for each receiver but queued by reference to one copy. */
const BY_REFERENCE_BYTES = 16 * 1024;
/** With this many receivers a frame is encoded once and copied, instead of encoded for each. */
const ENCODE_ONCE_FROM = 3;
/** With this many, already packets from here on are not copied for each: thousands of copies would be made in one turn. */
const MANY = 64;
const MANY_BY_REFERENCE_BYTES = 2 * 1024;
/** With this many, any packet of QoS 0 that is the first for its receiver: there are no chunks for all of them. */
const CROWD = 1024;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;
const TOPIC_ALIAS_BYTES = 3;
/** Shorter topics are not longer than their alias. */
const ALIAS_FROM_BYTES = TOPIC_ALIAS_BYTES + 1;
const NO_TOPIC = Buffer.alloc(0);

/**
 * One message on its way out: where its parts lie, and the forms of it that were encoded already. One object serves all
 * messages in turn; what it points into is a socket's buffer, valid until the turn's next message.
 */
export class Outgoing {
  #topic: Buffer = NO_TOPIC;
  #name = '';
  /** The alias that goes with the packet; 0: not looked for, -1: none. */
  #alias = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** Encoded properties to pass on, without their length; null: none. */
  #properties: Uint8Array | null = null;
  #receivers = 0;
  /** What the message's expiry interval is now, and where it stands in the properties; -1: as it came. */
  #expiryS = 0;
  #expiryAt = -1;
  /** Where the packet starts that came in, when it can go on to 3.x receivers of QoS 0 as it is; else -1. */
  #frameStart = -1;
  /** The payload's own copy, once a receiver needed it. */
  #shared: Buffer | null = null;
  /** Encoded once: [version 5?][QoS > 0?] */
  readonly #forms: Form[] = [newForm(), newForm(), newForm(), newForm()];
  /** The whole packet of QoS 0 that many receivers share: [version 5?] */
  readonly #packets: (Buffer | null)[] = [null, null];

  /** Of the message that it stands on. */
  get payloadBytes(): number {
    return this.#end - this.#start;
  }

  /** Starts on a message that goes to about so many receivers. */
  begin(message: MessageView, receivers: number): void {
    this.#topic = message.topic.bytes;
    this.#name = message.topic.name;
    this.#bytes = message.bytes;
    this.#start = message.payloadStart;
    this.#end = message.payloadEnd;
    this.#properties = message.properties;
    this.#receivers = receivers;
    this.#frameStart = message.frameStart;
    this.#shared = null;
    this.#expiryAt = -1;
    if (receivers >= ENCODE_ONCE_FROM) this.#forget();
  }

  /**
   * Whether it stands on a kept message already, as it was begun with `payload`. Who asks again and again sends one message to
   * many, whatever `begin` was told.
   */
  standsOn(payload: Uint8Array): boolean {
    if (this.#bytes !== payload) return false;
    if (this.#receivers < MANY) {
      this.#receivers = MANY;
      this.#forget();
    }
    return true;
  }

  #forget(): void {
    for (const form of this.#forms) form.length = 0;
    this.#packets[0] = null;
    this.#packets[1] = null;
  }

  /** The message has waited: its expiry interval, which is among its properties, is sent as what is left of it. */
  expireIn(seconds: number): void {
    if (seconds !== this.#expiryS && this.#receivers >= ENCODE_ONCE_FROM) this.#forget();
    this.#expiryS = seconds;
    // Properties are in the order of their identifiers: before it is at most the payload format (two bytes).
    this.#expiryAt = this.#properties?.[0] === MESSAGE_EXPIRY_INTERVAL ? 1 : 3;
  }

  /**
   * Encodes the message into a connection's output: `packetId` is -1 for QoS 0. Returns the packet's size, or 0 when it is
   * larger than the receiver takes and so is not sent (MQTT 5.0, 3.1.2.11.4).
   */
  send(
    connection: Connection,
    qos: 0 | 1 | 2,
    retain: boolean,
    dup: boolean,
    packetId: number,
    subscriptionIdentifiers: readonly number[],
  ): number {
    const aliases = connection.outgoingAliases;
    if (aliases !== null && this.#alias === 0) {
      return this.#sendAliased(aliases, connection, qos, retain, dup, packetId, subscriptionIdentifiers);
    }
    const output = connection.output;
    const five = connection.version === 5;
    const firstByte = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);

    if (!five && firstByte === 0x30 && this.#frameStart >= 0) {
      const size = this.#end - this.#frameStart;
      const isCopied =
        size < MANY_BY_REFERENCE_BYTES
          ? this.#receivers < CROWD || output.bytes > 0
          : size <= BY_REFERENCE_BYTES && this.#receivers < MANY;
      if (isCopied) {
        const at = output.reserve(size);
        copyBytes(this.#bytes, this.#frameStart, this.#end, output.buffer, at);
        return size;
      }
    }

    const own = five ? subscriptionIdentifiers : NO_IDENTIFIERS;
    const propertyBytes = five ? this.#propertyBytes(own) : 0;
    const payloadBytes = this.#end - this.#start;
    const remaining = publishRemaining(this.#topic.length, qos, propertyBytes, payloadBytes);
    const size = 1 + varintLength(remaining) + remaining;
    if (size > connection.maxPacketBytes) return 0;

    const isLarge = payloadBytes >= MANY_BY_REFERENCE_BYTES;
    const isShared = isLarge ? this.#receivers >= MANY : this.#receivers >= CROWD && output.bytes === 0;
    if (isShared && firstByte === 0x30 && own.length === 0 && this.#alias <= 0) {
      output.appendShared(this.#packet(five, remaining, propertyBytes, size));
      return size;
    }
    if (payloadBytes >= BY_REFERENCE_BYTES || (isLarge && isShared)) {
      const at = output.reserve(size - payloadBytes);
      this.#writeHead(output.buffer, at, firstByte, remaining, packetId, propertyBytes, own);
      output.appendShared(this.#sharedPayload());
      return size;
    }

    const at = output.reserve(size);
    const buffer = output.buffer;
    if (this.#receivers >= ENCODE_ONCE_FROM && own.length === 0 && !dup && !retain && this.#alias <= 0) {
      const form = this.#form(five, qos, firstByte, remaining, propertyBytes, size);
      copyBytes(form.bytes, 0, size, buffer, at);
      buffer[at] = firstByte;
      if (packetId >= 0) {
        buffer[at + form.packetIdAt] = packetId >> 8;
        buffer[at + form.packetIdAt + 1] = packetId & 0xff;
      }
      return size;
    }
    const payloadAt = this.#writeHead(buffer, at, firstByte, remaining, packetId, propertyBytes, own);
    copyBytes(this.#bytes, this.#start, this.#end, buffer, payloadAt);
    return size;
  }

  /** To a client that takes topic aliases: the topic is sent once with its alias, later the alias alone. */
  #sendAliased(
    aliases: OutgoingAliases,
    connection: Connection,
    qos: 0 | 1 | 2,
    retain: boolean,
    dup: boolean,
    packetId: number,
    subscriptionIdentifiers: readonly number[],
  ): number {
    const topic = this.#topic;
    const known = topic.length >= ALIAS_FROM_BYTES ? aliases.of(this.#name) : -1;
    const fresh = known === 0 ? aliases.free() : 0;
    this.#alias = known > 0 ? known : fresh > 0 ? fresh : -1;
    if (known > 0) this.#topic = NO_TOPIC;
    let size = this.send(connection, qos, retain, dup, packetId, subscriptionIdentifiers);
    if (fresh > 0 && size > 0) aliases.set(fresh, this.#name);
    if (fresh > 0 && size === 0) {
      this.#alias = -1; // perhaps it fits without
      size = this.send(connection, qos, retain, dup, packetId, subscriptionIdentifiers);
    }
    this.#topic = topic;
    this.#alias = 0;
    return size;
  }

  #propertyBytes(identifiers: readonly number[]): number {
    const length = this.#propertyLength(identifiers);
    return varintLength(length) + length;
  }

  #propertyLength(identifiers: readonly number[]): number {
    let length = this.#properties === null ? 0 : this.#properties.length;
    if (this.#alias > 0) length += TOPIC_ALIAS_BYTES;
    for (const identifier of identifiers) length += 1 + varintLength(identifier);
    return length;
  }

  #writeHead(
    buffer: Buffer,
    at: number,
    firstByte: number,
    remaining: number,
    packetId: number,
    propertyBytes: number,
    identifiers: readonly number[],
  ): number {
    let next = writePublishHeader(buffer, at, firstByte, remaining, this.#topic, packetId);
    if (propertyBytes === 0) return next;
    next = writeVarint(buffer, next, this.#propertyLength(identifiers));
    if (this.#properties !== null) {
      buffer.set(this.#properties, next);
      if (this.#expiryAt >= 0) buffer.writeUInt32BE(this.#expiryS, next + this.#expiryAt);
      next += this.#properties.length;
    }
    if (this.#alias > 0) {
      buffer[next] = TOPIC_ALIAS;
      next = buffer.writeUInt16BE(this.#alias, next + 1);
    }
    for (const identifier of identifiers) {
      buffer[next] = SUBSCRIPTION_IDENTIFIER;
      next = writeVarint(buffer, next + 1, identifier);
    }
    return next;
  }

  #form(five: boolean, qos: number, firstByte: number, remaining: number, propertyBytes: number, size: number): Form {
    const form = this.#forms[(five ? 1 : 0) | (qos > 0 ? 2 : 0)] as Form;
    if (form.length === size) return form;
    if (form.bytes.length < size) form.bytes = Buffer.allocUnsafeSlow(Math.max(size * 2, 1024));
    const payloadAt = this.#writeHead(
      form.bytes,
      0,
      firstByte,
      remaining,
      qos > 0 ? 0 : -1,
      propertyBytes,
      NO_IDENTIFIERS,
    );
    copyBytes(this.#bytes, this.#start, this.#end, form.bytes, payloadAt);
    form.packetIdAt = payloadAt - propertyBytes - 2;
    form.length = size;
    return form;
  }

  /** One for all receivers of QoS 0 that get it in this form; never changed. */
  #packet(five: boolean, remaining: number, propertyBytes: number, size: number): Buffer {
    const known = this.#packets[five ? 1 : 0];
    if (known) return known;
    const packet = Buffer.allocUnsafeSlow(size);
    const payloadAt = this.#writeHead(packet, 0, 0x30, remaining, -1, propertyBytes, NO_IDENTIFIERS);
    copyBytes(this.#bytes, this.#start, this.#end, packet, payloadAt);
    this.#packets[five ? 1 : 0] = packet;
    return packet;
  }

  #sharedPayload(): Buffer {
    if (this.#shared === null) {
      this.#shared = Buffer.allocUnsafeSlow(this.#end - this.#start);
      this.#bytes.copy(this.#shared, 0, this.#start, this.#end);
    }
    return this.#shared;
  }
}

/** A packet encoded once: its bytes (length 0: not yet), and where its packet identifier is. */
type Form = { bytes: Buffer; length: number; packetIdAt: number };

function newForm(): Form {
  return { bytes: Buffer.alloc(0), length: 0, packetIdAt: 0 };
}

const NO_IDENTIFIERS: readonly number[] = [];
