import type { DeviceKind, DeviceMessage } from '../device.ts';
import { hexId, seededRandom } from '../random.ts';
import { quantize, slowSignal } from '../signal.ts';

/** A MAX6675 measures in quarters of a degree. */
const MAX6675_STEP = 0.25;
/** An SHT30 gives 16 bits: of 175 °C from -45, and of 100 % from 0. */
const SHT30_STEPS = 65_535;

/**
 * The thermocouple sampler: announces itself on `esp001log`, then one JSON sample a second, retained, QoS 1, ids counted
 * from 0 without gaps. Samples that have not been acknowledged are kept and sent after a reconnect, oldest first.
 */
export const mqttEsp: DeviceKind = {
  name: 'mqtt-esp',
  description: 'ESP_init on esp001log, then [{"id","kT","aT","aH"}] on data-esp-<hex>, retained, QoS 1',
  create: (seed) => {
    const random = seededRandom(seed);
    const clientId = `esp-${hexId(random, 8)}`;
    const topic = `data-${clientId}`;
    const thermocouple = slowSignal({ mean: 24, swing: 4, periodMs: 300_000, drift: 0.5 }, random);
    const ambient = slowSignal({ mean: 19.5, swing: 1, periodMs: 900_000, drift: 0.15 }, random);
    const humidity = slowSignal({ mean: 28, swing: 3, periodMs: 900_000, drift: 0.5 }, random);
    let id = 0;

    const measure = (uptimeMs: number) => ({
      kT: quantize(thermocouple(uptimeMs), MAX6675_STEP).toFixed(6),
      aT: (quantize((ambient(uptimeMs) + 45) / 175, 1 / SHT30_STEPS) * 175 - 45).toFixed(6),
      aH: (quantize(humidity(uptimeMs) / 100, 1 / SHT30_STEPS) * 100).toFixed(6),
    });
    const kept = (payload: string): DeviceMessage => ({ topic, payload, qos: 1, retain: true });

    return {
      name: 'mqtt-esp',
      clientId,
      announcement: (wallMs) => [
        { topic: 'esp001log', payload: espInit(topic, wallMs, measure(0)), qos: 1, retain: true },
      ],
      greeting: [kept('<Data_begin>')],
      sample: (uptimeMs) => {
        const { kT, aT, aH } = measure(uptimeMs);
        const payload = `[{"id":${id},"kT":${kT},"aT":${aT},"aH":${aH}}]`;
        id += 1;
        return [kept(payload)];
      },
      farewell: [kept('<Data_end>')],
      will: kept('<Connect_lost>'),
      cleanOnReconnect: true,
      keepsSamples: true,
    };
  },
};

/** The announcement line by line as the firmware builds it; time is UTC, the week begins with Monday as 0. */
function espInit(topic: string, wallMs: number, first: { kT: string; aT: string; aH: string }): string {
  const time = new Date(wallMs);
  const iso = time.toISOString();
  const newYear = Date.UTC(time.getUTCFullYear(), 0, 1);
  const lines = [
    `"DATA_topic":"${topic}"`,
    '"DS3231 SetTime":"OK"',
    '"NTP & RTC SyncTime":"OK"',
    `"Time":"${iso.slice(0, 10)} ${iso.slice(11, 19)} GMT"`,
    `"Day_W":${(time.getUTCDay() + 6) % 7},"Day_Y":${Math.floor((wallMs - newYear) / 86_400_000) + 1}`,
    '"DS3231 SQW":"1Hz Out Start0"',
    `"ambient Temperature":"${first.aT} ºC","ambient Humidity":"${first.aH} %"`,
    '"Sensor SHT30":"OK"',
    `"K Thermocouple":"${first.kT} ºC"`,
    '"Sensor MAX6675":"OK"',
  ];
  return `{"ESP_init":{\n${lines.join(',\n')}}}`;
}
