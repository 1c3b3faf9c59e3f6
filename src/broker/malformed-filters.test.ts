import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const malformed = ['a/#/b', 'a+', '', '$share', '$share/', '$share/g', '$share//a', '$share/g/', '$SYS/#/b'];

describe('a filter that is not valid', () => {
  it.each(malformed)('%j is refused in UNSUBSCRIBE with 0x8F, not called unknown [MQTT-3.11.3-2]', async (filter) => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version: 5 });
    device.subscribe('a');
    const filters = [filter, 'unknown', 'a'];
    device.send({ type: 'unsubscribe', packetId: 2, filters, properties: EMPTY_PROPERTIES });
    await settled();
    const { topicFilterInvalid, noSubscriptionExisted, success } = Reason;
    expect(device.of('unsuback').map(({ reasons }) => reasons)).toEqual([
      [topicFilterInvalid, noSubscriptionExisted, success],
    ]);
  });

  it.each(malformed)(
    '%j is refused in SUBSCRIBE with 0x8F [MQTT-4.7.1-1] [MQTT-4.7.3-1] [MQTT-4.8.2-1]',
    async (filter) => {
      const { broker } = fakeBroker();
      const device = await FakeDevice.connected(broker, { version: 5 });
      device.subscribe(filter);
      await settled();
      expect(device.of('suback').map(({ reasons }) => reasons)).toEqual([[Reason.topicFilterInvalid]]);
    },
  );

  it('$share is no topic to publish to either', async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version: 5 });
    device.publish('$share', 'x', 1);
    await settled();
    expect(device.of('puback')).toMatchObject([{ reason: Reason.notAuthorized }]);
  });
});
