import type { Frame, Packet, Properties, PublishView } from '../codec/index.ts';
import {
  decodePacket,
  EMPTY_PROPERTIES,
  newAckView,
  newPublishView,
  PacketType,
  ProtocolFault,
  packetName,
  Reason,
  readAck,
  readPublish,
  reasonText,
  writeAck,
} from '../codec/index.ts';
import type { SessionSink } from '../session/index.ts';
import type { QueueEntry } from '../store/index.ts';
import { isAnsweredByConnack, limitBeforeConnack, packetBeforeConnack } from './before-connack.ts';
import type { Client } from './client.ts';
import { ConnectionHolds } from './connection-holds.ts';
import { forgetExchange, keepExchange } from './durable/keep.ts';
import { tellHint } from './hints.ts';
import { keepUnread, type PacketHandler, readKept, readPackets } from './packet-reader.ts';
import { ackWithReason, encodeFor, inWords } from './problem-information.ts';
import { afterReading, putOff } from './reading-later.ts';
import { checkReceived } from './receive-maximum.ts';
import { readShortOf } from './short-length.ts';
import { endWaiting, listen } from './waiting-unread.ts';

// One thread, and no packet is read within the reading of another: these are made once.
const publish = newPublishView();
const ack = newAckView();

/**
 * One network connection: cuts what comes into packets, gives them to the session's two doors, and holds what is to be
 * sent until the turn's end.
 */
export class Connection extends ConnectionHolds implements SessionSink<QueueEntry>, PacketHandler {
  /** For log lines. */
  get name(): string {
    return this.client?.session.clientId ?? '(not signed in)';
  }

  /** More waits for it than it should. */
  get congested(): boolean {
    return this.output.bytes > this.core.limits.maxOutputBytes;
  }

  // --- bytes in

  /** Bytes chunk[0..length) came. The chunk belongs to the caller and is used again after the call. */
  receive(chunk: Buffer, length: number): void {
    if (this.state === 'closed') return;
    this.bytesIn += length;
    if (this.client) this.client.bytesIn += length;
    this.counters.bytesIn += length;
    const isLate = this.#arrived(length);
    if (this.putOff || this.roomWaiting !== null) {
      keepUnread(this, chunk, length); // behind what is kept already
      listen(this);
      return;
    }
    // The rest of a large packet may as well be added to it.
    if (
      isLate &&
      (this.state === 'open' || this.state === 'new') &&
      (this.tail === null || this.tail.promises(length))
    ) {
      keepUnread(this, chunk, length);
      putOff(this);
      return;
    }
    if (this.state === 'authenticating') {
      // Pipelined before CONNACK: kept, bounded, for after it.
      const kept = this.tail?.length ?? 0;
      if (kept + length <= this.core.limits.maxConnectBytes) keepUnread(this, chunk, length);
      else {
        this.core.reached.maxConnectBytes += 1;
        this.#fail(Reason.packetTooLarge, 'sent too much before it was signed in');
      }
      return;
    }
    try {
      // Bytes alone keep nothing alive [MQTT-3.1.2-22].
      const before = this.client === null ? 0 : this.client.messagesIn;
      if (readPackets(this, chunk, length)) this.lastPacketMs = Math.trunc(this.core.arrivedMs);
      afterReading(this, before);
    } catch (error) {
      this.#readFailed(error);
    }
  }

  /** The sign-in is done: goes on with what came meanwhile. */
  resumeReading(): void {
    if (this.state === 'open') this.readOn();
  }

  /** Goes on with what was kept. */
  readOn(): void {
    this.#arrived(0);
    this.lastPacketMs = Math.trunc(this.core.arrivedMs);
    try {
      const before = this.client === null ? 0 : this.client.messagesIn;
      readKept(this);
      afterReading(this, before);
    } catch (error) {
      this.#readFailed(error);
    }
    if (this.onEnd !== null && this.roomWaiting === null && !this.putOff) this.onEnd();
  }

  /** What is read now came now. Answers whether the turn has no time left for it. */
  #arrived(length: number): boolean {
    const core = this.core;
    core.arrivedMs = core.clock.monotonicMs();
    core.arrivedUs = core.clock.wallMicros(core.arrivedMs);
    return core.turn.reading(core.arrivedMs, length, this.putOffAtMs);
  }

  /** Whatever goes wrong with one connection's bytes, also a fault of ours, ends that connection only. */
  #readFailed(error: unknown): void {
    if (error instanceof ProtocolFault) {
      this.#fail(error.reason, error.message);
      return;
    }
    const stack = error instanceof Error ? error.stack : String(error);
    this.core.logger.error({ client: this.name, stack }, 'a fault of Sonde: please report it');
    this.abort('a fault of Sonde');
  }

  // --- the reader's packets

  checkHeader(firstByte: number, size: number): void {
    const limit = this.state === 'open' ? this.maxReceivedBytes : limitBeforeConnack(this.core, this, firstByte, size);
    if (size > limit) {
      this.core.reached[this.state === 'open' ? 'maxPacketBytes' : 'maxConnectBytes'] += 1;
      throw new ProtocolFault(
        Reason.packetTooLarge,
        `${packetName(firstByte >> 4)} of ${size} bytes, more than the limit of ${limit}`,
      );
    }
  }

  malformedLength(buffer: Buffer, at: number, limit: number, frame: Frame): 1 | 0 | -1 {
    return readShortOf(this, buffer, at, limit, frame);
  }

  next(): 'read' | 'keep' | 'again' | 'stop' {
    if (this.roomWaiting !== null) return this.parked ? 'again' : 'keep';
    const { turn } = this.core;
    turn.unlooked += 1;
    if (turn.unlooked >= PACKETS_A_LOOK && this.state === 'open') {
      turn.unlooked = 0;
      if (turn.isLate()) {
        putOff(this);
        return 'keep';
      }
    }
    if (this.state === 'open' || this.state === 'exchanging') return 'read';
    return this.state === 'authenticating' ? 'keep' : 'stop';
  }

  packet(buffer: Buffer, at: number, firstByte: number, bodyStart: number, bodyEnd: number): void {
    if (this.state !== 'open') {
      packetBeforeConnack(this.core, this, buffer, firstByte, bodyStart, bodyEnd);
      return;
    }
    const client = this.client as Client;
    const type = firstByte >> 4;
    if (type === PacketType.PUBLISH) {
      readPublish(buffer, firstByte, bodyStart, bodyEnd, this.version, publish);
      this.core.frameStart = at;
      if (publish.qos === 0) this.core.route(this, client, buffer, publish);
      else client.session.publish(buffer, publish, this);
    } else if (type >= PacketType.PUBACK && type <= PacketType.PUBCOMP) {
      this.counters.otherPacketsIn += 1;
      readAck(buffer, firstByte, bodyStart, bodyEnd, this.version, ack);
      // With more than an identifier, a reason and an empty property block it is rare enough to be read whole.
      if (bodyEnd - bodyStart > SHORT_ACK_BYTES) decodePacket(buffer, firstByte, bodyStart, bodyEnd, this.version);
      // A PUBREL is about an identifier of the client's own.
      if (client.again.size > 0 && type !== PacketType.PUBREL) client.again.delete(ack.packetId);
      client.session.acknowledged(type, ack.packetId, ack.reason, this);
    } else {
      this.counters.otherPacketsIn += 1;
      const packet = decodePacket(buffer, firstByte, bodyStart, bodyEnd, this.version);
      if (type === PacketType.PINGREQ) this.pinged = true;
      this.core.perform(this, client, client.session.receive(packet));
    }
  }

  // --- the session's sink

  route(bytes: Buffer, view: PublishView): number {
    if (view.qos === 2) checkReceived(this.core, this);
    return this.core.route(this, this.client as Client, bytes, view);
  }

  repeated(bytes: Buffer, view: PublishView): void {
    this.core.repeated(this, this.client as Client, bytes, view);
  }

  acknowledge(packetType: number, packetId: number, reason: number): void {
    if (packetId === 0) tellHint(this.core, this, 'identifierZero'); // against [MQTT3-2.3.1-1], only before 5.0
    this.core.turn.acknowledge(this, packetType, packetId, reason, this.core.arrivedMs);
  }

  delivered(entry: QueueEntry | null): void {
    this.core.delivered(this.client as Client, entry, true);
  }

  received(packetId: number): void {
    keepExchange(this.core, this.client as Client, 'received', packetId);
  }

  released(packetId: number): void {
    forgetExchange(this.core, this.client as Client, 'received', packetId);
  }

  releasing(packetId: number): void {
    keepExchange(this.core, this.client as Client, 'releasing', packetId);
  }

  completed(packetId: number): void {
    forgetExchange(this.core, this.client as Client, 'releasing', packetId);
  }

  windowOpened(): void {
    this.core.windowOpened(this.client as Client);
  }

  fault(reason: number, text: string): void {
    this.#fail(reason, text);
  }

  // --- bytes out

  /** Encodes a packet for the end of the turn. */
  send(packet: Packet): void {
    if (this.state === 'closed') return;
    const bytes = encodeFor(packet, this);
    if (bytes === null) {
      // A message is simply not sent [MQTT-3.1.2-25]; an answer has to be, so nothing more is to be said to this client.
      if (packet.type !== 'publish' && packet.type !== 'disconnect') {
        this.abort(`its Maximum Packet Size has no room for ${packet.type.toUpperCase()}`);
      }
      return;
    }
    this.counters.otherPacketsOut += 1;
    this.sendEncoded(bytes);
  }

  /** A packet that its caller has encoded and counts. */
  sendEncoded(bytes: Buffer): void {
    const at = this.output.reserve(bytes.length);
    bytes.copy(this.output.buffer, at);
    this.core.turn.touch(this);
  }

  /** Encodes a PUBACK, PUBREC, PUBREL or PUBCOMP for the end of the turn. */
  writeAck(packetType: number, packetId: number, reason: number): void {
    if (this.state === 'closed') return;
    if (reason !== 0 && this.version === 5) {
      this.send(ackWithReason(packetType, packetId, reason));
      return;
    }
    this.counters.otherPacketsOut += 1;
    const at = this.output.reserve(4);
    writeAck(this.output.buffer, at, packetType, packetId);
    this.core.turn.touch(this);
  }

  /** The message in flight under an identifier goes out for the first time. */
  publishHeld(packetId: number): void {
    this.heldPublishes -= 1;
    this.core.publishHeld(this, this.client as Client, packetId);
  }

  /** Called by the turn: one write. */
  flush(): void {
    if (this.state === 'closed') return;
    if (this.#flushOutput() === 0) return;
    this.checkRead();
    this.core.progressed(this);
  }

  /** Returns the bytes that the wire took at once. */
  #flushOutput(): number {
    const before = this.output.bytes;
    this.output.flush(this.wire);
    const sent = before - this.output.bytes;
    this.#countSent(sent);
    return sent;
  }

  #countSent(bytes: number): void {
    this.counters.bytesOut += bytes;
    if (this.client) this.client.bytesOut += bytes;
  }

  /** The wire has sent what it was given. */
  onWritten(): void {
    if (this.state === 'closed') return;
    const before = this.output.bytes;
    this.output.written();
    this.#countSent(before - this.output.bytes);
    this.checkRead();
    this.core.progressed(this);
    if (this.output.bytes > 0) this.core.turn.touch(this);
  }

  // --- the end

  /** Refuses a CONNECT: CONNACK with the reason, then the end. `why` is for the log, `told` for the peer. */
  refuse(reason: number, why: string, told: Properties = EMPTY_PROPERTIES): void {
    if (this.state === 'closed') return;
    this.core.refused(this, reason, why);
    this.send({ type: 'connack', sessionPresent: false, reason, properties: told });
    this.#end();
  }

  /** Ends the connection on our own account, with a DISCONNECT where the version has one; before 5.0 by closing it. */
  disconnect(reason: number, why: string, more: Properties = EMPTY_PROPERTIES): void {
    if (this.state === 'closed') return;
    this.core.doorLog.info({ client: this.name, reason: reasonText(reason) }, `disconnected: ${why}`);
    this.#sendDisconnect(reason, { ...inWords(why), ...more });
    this.#end();
  }

  /** Ends the connection at once, without a word. */
  abort(why: string): void {
    if (this.state === 'closed') return;
    this.core.doorLog.warn({ client: this.name, address: this.wire.remote.address }, `connection cut: ${why}`);
    this.#close();
    this.wire.destroy();
  }

  /** The client said good-bye: nothing more is read or sent. */
  finish(): void {
    this.#end();
  }

  /**
   * The wire is closed, whoever did it: what came before is read first. When ten thousand are at once most of them have to
   * wait for a turn; until then what is sent to them is lost on the way, as with a network that says nothing yet.
   */
  onClosed(): void {
    if (this.state === 'closed') return;
    const { turn, meter } = this.core;
    if (meter.work !== 'closing') meter.begin('closing');
    if (this.readsFirst(() => this.#close(), this.onEnd !== null)) return;
    if (!turn.isLate()) this.#close();
    else turn.later(() => this.#close());
  }

  /** The peer broke the protocol. One log line, the right packet, and the connection is over. */
  #fail(reason: number, text: string): void {
    if (this.state === 'closed') return;
    this.core.protocolFault(this, reason, text);
    if (this.state === 'open') this.#sendDisconnect(reason, inWords(text));
    else if (isAnsweredByConnack(this, reason)) {
      this.send({ type: 'connack', sessionPresent: false, reason, properties: inWords(text) });
    }
    this.#end();
  }

  #sendDisconnect(reason: number, properties: Properties): void {
    if (this.version === 5 && this.state === 'open') this.send({ type: 'disconnect', reason, properties }); // [MQTT-3.14.0-1]
  }

  #end(): void {
    if (this.state === 'closed') return;
    this.#flushOutput();
    this.#close();
    this.wire.end();
  }

  #close(): void {
    if (this.state === 'closed') return;
    if (this.onEnd !== null) this.core.lingering -= 1;
    if (this.roomWaiting !== null) endWaiting(this);
    this.state = 'closed';
    this.auth = null;
    this.tail = null;
    this.output.discard();
    this.core.closed(this);
  }
}

/** So many packets are read between two looks at the clock. */
const PACKETS_A_LOOK = 16;
/** Packet identifier, reason and property length of an acknowledgement without properties. */
const SHORT_ACK_BYTES = 4;
