import { ProtocolFault, Reason } from '../codec/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';

/** A QoS 2 PUBLISH more: only MQTT 5.0 tells a client how many it may have under way [MQTT-3.3.4-7]. Throws a ProtocolFault. */
export function checkReceived(core: BrokerCore, connection: Connection): void {
  if (connection.version < 5) return;
  if ((connection.client as Client).session.receivedCount < connection.maxReceived) return;
  core.reached.receiveMaximum += 1;
  throw new ProtocolFault(
    Reason.receiveMaximumExceeded,
    `PUBLISH: more than ${core.limits.receiveMaximum} messages at QoS 2 wait for their PUBREL [MQTT-3.3.4-7]`,
  );
}
