import { Reason } from '../codec/index.ts';
import type { Connection } from './connection.ts';
import { goOnWaiting, listen, wait } from './waiting-unread.ts';

/* What came and is not read at once: its peer is held, what is kept is read on when its time has come. */

const SLOWED_MS = 250;

/** There is no room for the PUBLISH that is read now: it waits, and all behind it. */
export function park(connection: Connection): void {
  if (connection.parked) return;
  connection.parked = true;
  connection.core.parked.add(connection);
  wait(connection);
}

/** There may be room for it now. */
export function goOnParked(connection: Connection): void {
  connection.core.parked.delete(connection);
  if (!connection.parked || connection.state === 'closed') return;
  connection.parked = false;
  goOnWaiting(connection);
}

/** The turn has used its time: what is kept is read in one of the next, and nothing more until then. */
export function putOff(connection: Connection): void {
  connection.putOff = true;
  connection.putOffAtMs = connection.core.arrivedMs;
  connection.hold();
  connection.core.turn.readLater(connection);
}

/** One of those turns has come: reads what is kept, and puts the rest off again when there is more than it has time for. */
export function readOnLater(connection: Connection): void {
  connection.putOff = false;
  if (connection.state === 'new' || connection.state === 'open') connection.readOn();
  connection.unhold(); // stays held when it was put off again
}

/** Memory is short: what publishes is read no more than four times a second. */
function readSlowly(connection: Connection): void {
  if (connection.slowed) return;
  connection.slowed = true;
  connection.hold();
  connection.core.soon(() => {
    connection.slowed = false;
    connection.unhold();
  }, SLOWED_MS);
}

/** At the memory's watermark a packet that is larger and not whole yet is not waited for: nobody knows when its rest comes. */
const UNFINISHED_BYTES = 64 * 1024;

/** Memory is short: a connection with a large packet that is not whole is ended. What it has sent of it was not acknowledged. */
function cutUnfinished(connection: Connection): void {
  const { core, tail } = connection;
  if (tail === null || tail.length <= UNFINISHED_BYTES || connection.putOff || connection.roomWaiting !== null) return;
  core.reached.memoryWatermarkBytes += 1;
  connection.disconnect(Reason.quotaExceeded, 'memory is short, and its packet is not whole');
}

/** Some of it was read, at once or later; `messages`: how many had come before. What it has to wait for is begun. */
export function afterReading(connection: Connection, messages: number): void {
  const { core, client } = connection;
  // Without an answer to it nothing more waits than did before.
  if (connection.dirty) connection.checkUnread();
  if (core.shed === 3) {
    if (client !== null && client.messagesIn > messages) readSlowly(connection);
    cutUnfinished(connection);
  }
  if (connection.rate !== null) connection.rate.spend(connection);
  if (connection.roomWaiting !== null) listen(connection);
}
