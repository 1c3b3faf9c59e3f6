import type { Effect } from '../session/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';

/** What a client's DISCONNECT says of its session and its will. False: it may not say so, and nothing is heeded. */
export function heedGoodbye(
  connection: Connection,
  client: Client,
  { expiryS, publishWill }: Extract<Effect, { do: 'disconnect' }>,
): boolean {
  if (expiryS !== null) {
    if (expiryS > 0 && !connection.askedToStay) return false; // [MQTT-3.14.2-2]
    client.expiryS = Math.min(expiryS, connection.core.limits.maxSessionExpiryS);
  }
  if (!publishWill) client.will = null; // [MQTT-3.14.4-3]
  return true;
}
