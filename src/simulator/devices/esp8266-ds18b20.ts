import type { DeviceKind, DeviceMessage } from '../device.ts';
import { hexId, seededRandom } from '../random.ts';
import { quantize, slowSignal } from '../signal.ts';

/** A DS18B20 measures in sixteenths of a degree (12 bits). */
const DS18B20_STEP = 0.0625;

/**
 * The course's device: an ESP8266 with umqtt.robust that publishes bare numbers at QoS 0, one topic a quantity. While its
 * connection is away it blocks, so what it would have measured meanwhile is never sent.
 */
export const esp8266Ds18b20: DeviceKind = {
  name: 'esp8266-ds18b20',
  description: 'bare numbers on /sensors/temperature, /sensors/pression, /sensors/humidite, QoS 0',
  create: (seed) => {
    const random = seededRandom(seed);
    const clientId = `micropython-${hexId(random, 4)}`;
    const temperature = slowSignal({ mean: 22.25, swing: 1.5, periodMs: 600_000, drift: 0.2 }, random);
    const pressure = slowSignal({ mean: 1013.2, swing: 1.2, periodMs: 1_800_000, drift: 0.3 }, random);
    const humidity = slowSignal({ mean: 45, swing: 4, periodMs: 900_000, drift: 0.8 }, random);

    return {
      name: 'esp8266-ds18b20',
      clientId,
      announcement: () => [],
      greeting: [],
      sample: (uptimeMs) => [
        bareNumber('/sensors/temperature', quantize(temperature(uptimeMs), DS18B20_STEP)),
        bareNumber('/sensors/pression', quantize(pressure(uptimeMs), 0.01)),
        bareNumber('/sensors/humidite', quantize(humidity(uptimeMs), 0.01)),
      ],
      farewell: [],
      will: null,
      // umqtt.robust comes back with `connect(False)`.
      cleanOnReconnect: false,
      keepsSamples: false,
    };
  },
};

function bareNumber(topic: string, value: number): DeviceMessage {
  return { topic, payload: pythonText(value), qos: 0, retain: false };
}

/** `str()` of a float in MicroPython: `22.25`, and `22.0` for a whole number. */
function pythonText(value: number): string {
  const text = String(Number(value.toFixed(4)));
  return text.includes('.') ? text : `${text}.0`;
}
