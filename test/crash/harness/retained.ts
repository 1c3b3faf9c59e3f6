import { clientsOf } from '../../conformance/client.ts';
import { numberOf, type Publisher } from './publisher.ts';
import type { Run } from './run-state.ts';

/** Asks a fresh client for the retained messages of these publishers: each has to be the last acknowledged or a later one. */
export async function checkRetained(run: Run, publishers: readonly Publisher[]): Promise<void> {
  const least = new Map(publishers.map(({ stream }) => [stream.topic, stream.lastAcknowledged()]));
  const clients = clientsOf(() => run.mqttPort);
  const found = new Map<string, number>();
  try {
    const client = await clients.connect({ level: 4 });
    await client.subscribe('retained/#');
    for (const packet of await client.drain()) {
      if (packet.type === 'publish' && packet.retain) found.set(packet.topic, numberOf(packet.payload));
    }
  } catch {
    return; // killed meanwhile: there is another time
  } finally {
    clients.closeAll();
  }
  for (const { stream } of publishers) {
    const acknowledged = least.get(stream.topic) ?? -1;
    const value = found.get(stream.topic) ?? -1;
    run.trace('retained', `${stream.topic} is ${value}, acknowledged ${acknowledged}`);
    if (value < acknowledged) {
      run.fault(
        'retained faults',
        `${stream.topic} is ${value < 0 ? 'absent' : value}; acknowledged: ${stream.story(acknowledged)}`,
      );
    }
  }
}
