import { isOfToken } from '../access/index.ts';
import { Reason } from '../codec/index.ts';
import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { keepSession } from './durable/keep.ts';
import { endSession } from './lifecycle.ts';
import { newPass } from './pass.ts';

/**
 * The right of a token has ended or changed: its connections end, all of them in the next turns if there are many. `isOver`:
 * nobody may go on with its sessions any more, from now on.
 */
export function expel(core: BrokerCore, key: string, isOver: boolean): void {
  const why = `the right of ${key} has ended`;
  for (const [connection, { principal }] of core.slowedDown) {
    if (isOfToken(principal, key)) connection.refuse(Reason.notAuthorized, why);
  }
  const due = [...core.worlds.values()].flatMap((world) => [...world.clients.values()].filter(isDue));
  function isDue({ principal }: Client): boolean {
    return isOfToken(principal, key);
  }
  // Of who they are now: who signs in before its turn does so under the rights of then.
  const all = due.map((client) => ({ client, connection: client.connection }));
  for (const client of due) {
    client.will = null; // its last word neither, whether it is here or its will waits
    if (!isOver) continue;
    client.expiryS = 0; // ends with its connection
    client.over = true;
  }
  const expelOne = ({ client, connection }: (typeof all)[number]): void => {
    if (client.connection === connection) connection?.disconnect(Reason.administrativeAction, why);
    if (client.gone || client.connection !== null) return;
    if (isOver) endSession(core, client, why);
    else keepSession(core, client);
  };
  core.meter.begin('closing');
  newPass(core.turn, () => all, expelOne)();
}
