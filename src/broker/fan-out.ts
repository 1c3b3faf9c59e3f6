import type { QueueTarget, StoredMessage } from '../store/index.ts';
import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { slowDown } from './flow.ts';
import { goOn, roomOf, sendFromQueue } from './pump.ts';
import { countQueued } from './queue-bounds.ts';
import type { Receiver } from './receivers.ts';
import { setPressure } from './store-pressure.ts';

/*
 * A QoS 1 or 2 message for more receivers than a turn has time for. Those who were not reached are catching up: the message
 * is in their queue, and they are promised it, so that it is sent from memory in one of the next turns. `pumping` is set
 * meanwhile: whatever comes for them waits behind it, and nobody else reads their queue.
 *
 *   turn 1: [ sent | sent | sent | promised | promised | promised ]     turn 2: [ ... | sent | sent | sent ]
 */

/** A message in a queue that is to be sent from memory. */
type Pledge = {
  readonly client: Client;
  readonly number: number;
  readonly message: StoredMessage;
  readonly target: QueueTarget;
  /** The entry before it in the queue. */
  readonly after: number;
  /** Who published it. */
  readonly source: Client | null;
};

/** What is promised, in the order in which it came, and how many of them are done with. */
export type Promised = { readonly all: Pledge[]; done: number };

const LOOKS_A_CLOCK = 16;
/** With so many that wait, publishers whose messages go to many are not read until all of it is sent. */
const MOST = 20_000;

export function newPromised(): Promised {
  return { all: [], done: 0 };
}

/**
 * The message goes into the receiver's queue (that of a session that persists has it already, under `number`), and on to it
 * in one of the next turns. Only for one that is ready, or is promised another before.
 */
export function promise(
  core: BrokerCore,
  source: Client | null,
  { client, target }: Receiver,
  message: StoredMessage,
  number: number,
): void {
  if (target === null) return;
  const after = client.tail;
  client.tail = client.persistent ? number : core.transient.append(message, [target]);
  const { all } = core.promised;
  all.push({ client, number: client.tail, message, target, after, source });
  countQueued(core, client, message);
  client.live = false;
  client.pumping = true;
  client.promised += 1;
  if (all.length === 1) core.turn.ahead(() => keepPromises(core));
  if (all.length >= MOST && !core.fanOutBehind) setPressure(core, 'fanOutBehind', true);
}

/** As long as the turn has time. Answers whether there is more. */
function keepPromises(core: BrokerCore): boolean {
  const { promised } = core;
  core.meter.begin('queue');
  const nowUs = core.clock.wallMicros();
  const { all } = promised;
  for (let looked = 1; promised.done < all.length; looked++) {
    promised.done += 1;
    keepPromise(core, all[promised.done - 1] as Pledge, nowUs);
    if (looked % LOOKS_A_CLOCK === 0 && core.turn.isLate()) break;
  }
  if (promised.done < all.length) {
    // Where new ones come all the time the old ones do not stay.
    if (promised.done >= MOST) {
      all.splice(0, promised.done);
      promised.done = 0;
    }
    return true;
  }
  core.promised = newPromised();
  if (core.fanOutBehind) setPressure(core, 'fanOutBehind', false);
  return false;
}

function keepPromise(core: BrokerCore, { client, after, source, ...entry }: Pledge, nowUs: number): void {
  client.promised -= 1;
  // Else something before it could not be sent, or it is gone to make room: the rest is read from the queue.
  if (client.cursor === after && roomOf(client) > 0) {
    sendFromQueue(core, client, entry, nowUs);
    const { connection } = client;
    if (connection?.congested) slowDown(core, source?.connection ?? null, connection);
  }
  if (client.promised > 0) return;
  client.pumping = false;
  if (client.connection === null) return;
  if (client.cursor === client.tail) {
    client.live = true;
    if (client.waits || client.groups !== null) core.windowOpened(client);
  } else if (roomOf(client) > 0) goOn(core, client);
}
