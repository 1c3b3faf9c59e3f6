import { decodePacket, newFrame, PacketType, readFrame } from '../codec/index.ts';
import type { Connection } from './connection.ts';
import { heedGoodbye } from './goodbye.ts';

/*
 * Who waits for room is still listened to. What it sends is kept unread and in order behind what waits, but for its PINGREQs:
 * they are answered at once, since a client without an answer takes the connection for dead, connects anew, and waits again.
 * Nothing else may pass: an acknowledgement, a SUBSCRIBE or a DISCONNECT that is read before the PUBLISH in front of it
 * would make another story of it. What is kept is bounded; beyond, its peer is not read at all.
 */

/** So much is kept of one connection behind the packet that waits. */
export const KEPT_BYTES = 64 * 1024;
/** So much of all of them together. */
const KEPT_BYTES_IN_ALL = 64 * 1024 * 1024;

/** What is known of a connection that waits for room. */
export type Waiting = {
  /** Where the first packet that was not looked at begins in what is kept. */
  looked: number;
  /** Size of the packet in front, once it is whole. */
  front: number;
  /** What it counts for in `core.keptUnreadBytes`. */
  counted: number;
  /** As much is kept as may be, or its DISCONNECT is: nothing more is read. */
  isHeld: boolean;
  /** Where its DISCONNECT begins; -1: none came. */
  goodbyeAt: number;
};

const frame = newFrame();

/** From now on it waits, with the packet that is read now or behind it. */
export function wait(connection: Connection): void {
  connection.roomWaiting ??= { looked: 0, front: 0, counted: 0, isHeld: false, goodbyeAt: -1 };
}

/** It is read on. */
export function goOnWaiting(connection: Connection): void {
  const waiting = connection.roomWaiting;
  if (waiting === null || connection.state === 'closed') return;
  forget(connection, waiting);
  connection.resumeReading(); // it may have to wait again
  if (waiting.isHeld) connection.unhold();
}

/** More of it may have come: answers the PINGREQs in what is kept, and takes them out. */
export function listen(connection: Connection): void {
  const { core, tail, client, roomWaiting: waiting } = connection;
  if (waiting === null || tail === null || client === null) return;
  let at = waiting.looked;
  let to = at;
  // What is malformed is found when it is read.
  while (waiting.goodbyeAt < 0 && readFrame(tail.buffer, at, tail.length, frame) === 1) {
    const { firstByte, bodyStart, bodyEnd } = frame;
    if (firstByte === PINGREQ_BYTE && bodyEnd === bodyStart) {
      at = bodyEnd;
      connection.pinged = true;
      connection.counters.otherPacketsIn += 1;
      core.perform(connection, client, client.session.receive({ type: 'pingreq' })); // [MQTT-3.12.4-1]
      continue;
    }
    if (at === 0) waiting.front = bodyEnd;
    if (firstByte >> 4 === PacketType.DISCONNECT) waiting.goodbyeAt = to;
    if (to < at) tail.buffer.copyWithin(to, at, bodyEnd);
    to += bodyEnd - at;
    at = bodyEnd;
  }
  if (connection.roomWaiting === null) return; // the answer was its end
  waiting.looked = to;
  tail.closeGap(to, at);
  core.keptUnreadBytes += tail.length - waiting.counted;
  waiting.counted = tail.length;
  if (connection.dirty) connection.checkUnread();
  const isFull = tail.length - waiting.front > KEPT_BYTES || core.keptUnreadBytes > KEPT_BYTES_IN_ALL;
  if (waiting.isHeld || (!isFull && waiting.goodbyeAt < 0)) return;
  waiting.isHeld = true;
  connection.hold();
}

/** The connection ends while it waits. Where its DISCONNECT is in what is kept, it did say good-bye [MQTT-3.14.4-3]. */
export function endWaiting(connection: Connection): void {
  const { tail, client, roomWaiting: waiting } = connection;
  if (waiting === null) return;
  const { goodbyeAt } = waiting;
  forget(connection, waiting);
  if (goodbyeAt < 0 || tail === null || client === null) return;
  readFrame(tail.buffer, goodbyeAt, tail.length, frame);
  const { firstByte, bodyStart, bodyEnd } = frame;
  try {
    const effect = client.session.receive(decodePacket(tail.buffer, firstByte, bodyStart, bodyEnd, connection.version));
    if (effect.do === 'disconnect') heedGoodbye(connection, client, effect);
  } catch {
    // A broken one is none: the connection just ends.
  }
}

function forget(connection: Connection, { counted }: Waiting): void {
  connection.core.keptUnreadBytes -= counted;
  connection.roomWaiting = null;
}

const PINGREQ_BYTE = 0xc0;
