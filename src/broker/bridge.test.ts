import { describe, expect, it } from 'vitest';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

describe.each([3, 4] as const)('a bridge (protocol level 0x80 | %i)', (version) => {
  it('gets nothing back that it brought, and the RETAIN flag as it was published', async () => {
    const { broker } = fakeBroker();
    const bridge = await FakeDevice.connected(broker, { version, bridge: true, clientId: 'bridge' });
    const device = await FakeDevice.connected(broker, { clientId: 'device' });
    expect(bridge.of('connack')).toMatchObject([{ reason: 0 }]);
    bridge.subscribe('#', 1);
    device.subscribe('#', 1);
    bridge.publish('t', 'from the other broker', 1, 1);
    device.publish('t', 'from here', 1, 2, true);
    device.publish('t', 'passing', 1, 3);
    await settled();
    const seen = bridge.of('publish').map(({ payload, retain }) => [payload.toString(), retain]);
    expect(seen).toEqual([
      ['from here', true],
      ['passing', false],
    ]);
    // For everybody else it is an ordinary client.
    expect(device.of('publish').map(({ retain }) => retain)).toEqual([false, false, false]);
    expect(device.payloads).toEqual(['from the other broker', 'from here', 'passing']);
  });

  it('is an ordinary client when it comes without that bit', async () => {
    const { broker } = fakeBroker();
    const plain = await FakeDevice.connected(broker, { version, clientId: 'plain' });
    plain.subscribe('#', 0);
    plain.publish('t', 'echo', 1, 1, true);
    await settled();
    expect(plain.of('publish')).toMatchObject([{ retain: false }]);
    expect(plain.payloads).toEqual(['echo']);
  });
});
