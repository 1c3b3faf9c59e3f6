import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

type Step =
  | { readonly do: 'publish'; readonly qos: 1 | 2 }
  | { readonly do: 'drop' | 'connect' | 'acknowledge' | 'stop reading' | 'read again' | 'rest' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Step>({ do: 'publish', qos: 1 }, { do: 'publish', qos: 2 }) },
  {
    weight: 6,
    arbitrary: fc.constantFrom<Step>(
      { do: 'acknowledge' },
      { do: 'acknowledge' },
      { do: 'drop' },
      { do: 'connect' },
      { do: 'stop reading' },
      { do: 'read again' },
      { do: 'rest' },
    ),
  },
);

const kept = { clientId: 'kept', clean: false };

/** A receiver that keeps what it got over its connections, as a careful client does for QoS 2. */
class Receiver {
  readonly got: string[] = [];
  readonly #unreleased = new Set<number>();
  #handled = 0;
  device: FakeDevice | null = null;

  /** Takes note of what came, and acknowledges it. */
  handle(): void {
    const device = this.device;
    if (!device) return;
    for (const packet of device.received.slice(this.#handled)) {
      if (packet.type === 'publish') {
        const { packetId, qos } = packet;
        if (qos === 1 || !this.#unreleased.has(packetId)) this.got.push(packet.payload.toString());
        if (qos === 2) this.#unreleased.add(packetId);
        device.send({ type: qos === 1 ? 'puback' : 'pubrec', packetId, reason: 0, properties: EMPTY_PROPERTIES });
      } else if (packet.type === 'pubrel') {
        this.#unreleased.delete(packet.packetId);
        device.send({ type: 'pubcomp', packetId: packet.packetId, reason: 0, properties: EMPTY_PROPERTIES });
      }
    }
    this.#handled = device.received.length;
  }

  connected(device: FakeDevice): void {
    this.device = device;
    this.#handled = 0;
  }
}

/** The fourth message is queued after the page that found the queue empty was read, and before it came. */
const queuedBehindAnEmptyPage: Step[] = (['publish', 'publish', 'acknowledge', 'acknowledge'] as const)
  .concat(['publish', 'acknowledge', 'publish', 'acknowledge'])
  .map((what) => (what === 'publish' ? { do: what, qos: 1 } : { do: what }));

describe('a session that comes and goes', () => {
  it('gets every QoS 1 message at least once and every QoS 2 message exactly once, each in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), fc.integer({ min: 1, max: 6 }), run),
      { numRuns: 150, examples: [[queuedBehindAnEmptyPage, 1]] },
    );
  });
});

async function run(steps: readonly Step[], maxInflight: number): Promise<void> {
  const { broker } = fakeBroker({ limits: { maxInflight } });
  const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
  const receiver = new Receiver();
  receiver.connected(await FakeDevice.connected(broker, kept));
  receiver.device?.subscribe('t', 2);
  await settled();

  const published: Record<1 | 2, string[]> = { 1: [], 2: [] };
  let id = 0;
  for (const each of steps) {
    if (each.do === 'publish') {
      id += 1;
      const payload = `${each.qos}-${id}`;
      published[each.qos].push(payload);
      writer.publish('t', payload, each.qos, id);
      if (each.qos === 2) writer.send({ type: 'pubrel', packetId: id, reason: 0, properties: EMPTY_PROPERTIES });
    } else if (each.do === 'drop') {
      receiver.device?.drop();
      receiver.device = null;
    } else if (each.do === 'connect') {
      receiver.connected(await FakeDevice.connected(broker, kept));
    } else if (each.do === 'acknowledge') {
      await settled();
      receiver.handle();
    } else if (each.do === 'stop reading') {
      if (receiver.device) receiver.device.reading = false;
    } else if (each.do === 'read again') {
      receiver.device?.readAgain();
    } else {
      await settled();
    }
  }
  receiver.connected(await FakeDevice.connected(broker, kept));
  for (let round = 0; round < 200; round++) {
    await settled();
    receiver.handle();
    if (broker.clients('default').every(({ queued, inFlight }) => queued === 0 && inFlight === 0)) break;
  }

  const firstSeen = [...new Set(receiver.got)];
  expect(firstSeen.filter((payload) => payload.startsWith('1'))).toEqual(published[1]);
  expect(receiver.got.filter((payload) => payload.startsWith('2'))).toEqual(published[2]);
  expect(broker.clients('default').find(({ clientId }) => clientId === 'kept')).toMatchObject({
    queued: 0,
    inFlight: 0,
    dropped: 0,
  });
  await broker.close();
}
