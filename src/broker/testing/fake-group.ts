import type { fakeBroker } from './fake-broker.ts';
import { FakeDevice, settled } from './fake-device.ts';

const five = { version: 5 as const };
export type Made = ReturnType<typeof fakeBroker>;

/** Members of `$share/g/t` at QoS 1 (unless said), and somebody who publishes. */
export async function group(
  { broker }: Made,
  names: readonly string[],
  { qos = 1, ...more }: { qos?: 0 | 1 | 2; clean?: boolean } = {},
): Promise<FakeDevice[]> {
  const members: FakeDevice[] = [];
  for (const clientId of names) {
    const member = await FakeDevice.connected(broker, { ...five, clientId, ...lasting(more.clean ?? true) });
    member.subscribe('$share/g/t', qos);
    members.push(member);
  }
  await settled();
  return members;
}

export const lasting = (clean: boolean) => ({ clean, properties: clean ? {} : { sessionExpiryInterval: 1000 } });

export const publisher = ({ broker }: Made): Promise<FakeDevice> =>
  FakeDevice.connected(broker, { clientId: 'publisher' });

export async function publish(writer: FakeDevice, texts: readonly string[], qos: 0 | 1 | 2 = 1): Promise<void> {
  for (const text of texts) {
    serial = (serial % 60_000) + 1;
    writer.publish('t', text, qos, serial);
  }
  await settled();
}
let serial = 0;

/** Acknowledges what a member got and has not acknowledged, until nothing more comes. */
export async function acknowledgeAll(...members: readonly FakeDevice[]): Promise<void> {
  for (let more = true; more; ) {
    more = false;
    for (const member of members) {
      if (member.closed) continue;
      for (const { packetId } of member.of('publish').slice(done.get(member) ?? 0)) {
        member.puback(packetId);
        more = true;
      }
      done.set(member, member.of('publish').length);
    }
    await settled();
  }
}
const done = new WeakMap<FakeDevice, number>();

export const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => String(from + i));

/** Everything that waits or is in flight, whoever it is for. */
export const waiting = ({ broker }: Made): number => broker.stats().queued;
