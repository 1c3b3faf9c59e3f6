import { nothingReached } from '../../base/index.ts';
import { EMPTY_PROPERTIES, encodePacket } from '../../codec/index.ts';
import { fakeBroker } from './fake-broker.ts';
import { FakeDevice, settled } from './fake-device.ts';

/* Publishers that wait for room, and those for whom their messages have to be kept. */

/** How a session is opened that stays. */
export const kept = { version: 5, clean: false, properties: { sessionExpiryInterval: 1000 } } as const;
/** A recorder whose buffer for QoS 0 has room. */
export const qos0 = { offer: () => true, crowded: () => false, nearlyFull: () => false, onRoom: () => {} };

/** A broker, with what its bounds have met. */
export function made(options: Parameters<typeof fakeBroker>[0] = {}) {
  const reached = nothingReached();
  return { reached, ...fakeBroker({ reached, ...options }) };
}

/** Somebody wants what is published there, and is away. */
export async function away({ broker }: ReturnType<typeof made>, clientId = 'away', filter = 't'): Promise<void> {
  const device = await FakeDevice.connected(broker, { ...kept, clientId });
  device.subscribe(filter, 1);
  await settled();
  device.drop();
}

/** A client that publishes. */
export const writer = ({ broker }: ReturnType<typeof made>, clientId = 'w') =>
  FakeDevice.connected(broker, { version: 5, clientId });

export const isWaiting = ({ connection }: FakeDevice): boolean => connection.roomWaiting !== null;

/** The identifiers of its QoS 1 messages that were acknowledged. */
export const acked = (device: FakeDevice): number[] => device.of('puback').map(({ packetId }) => packetId);

export function publishBytes(topic: string, payload: string, qos: 0 | 1 | 2, packetId: number): Buffer {
  const rest = { retain: false, dup: false, properties: EMPTY_PROPERTIES };
  return encodePacket({ type: 'publish', topic, payload: Buffer.from(payload), qos, packetId, ...rest }, 5);
}
