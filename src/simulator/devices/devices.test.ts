import { describe, expect, it } from 'vitest';
import { DEVICES } from '../index.ts';
import { esp8266Ds18b20 } from './esp8266-ds18b20.ts';
import { mqttEsp } from './mqtt-esp.ts';

describe.each([...DEVICES.values()])('$name', (kind) => {
  const samples = (seed: number) => {
    const device = kind.create(seed);
    return Array.from({ length: 300 }, (_, second) => device.sample(second * 1000));
  };

  it('says the same with the same seed, and something else with another', () => {
    expect(samples(1)).toEqual(samples(1));
    expect(samples(1)).not.toEqual(samples(2));
    expect(kind.create(1).clientId).not.toBe(kind.create(2).clientId);
  });

  it('moves slowly: no value jumps within a second, and none stands still for five minutes', () => {
    const series = new Map<string, number[]>();
    for (const messages of samples(3)) {
      for (const { topic, payload } of messages) {
        const value: unknown = JSON.parse(payload);
        const row = Array.isArray(value) ? (value[0] as Record<string, number>) : { value: value as number };
        for (const [field, number] of Object.entries(row)) {
          if (field === 'id') continue;
          const values = series.get(`${topic} ${field}`) ?? [];
          series.set(`${topic} ${field}`, [...values, number]);
        }
      }
    }
    expect(series.size).toBe(3);
    for (const values of series.values()) {
      const jumps = values.slice(1).map((value, at) => Math.abs(value - (values[at] ?? 0)));
      expect(Math.max(...jumps)).toBeLessThan(2);
      expect(new Set(values).size).toBeGreaterThan(5);
    }
  });
});

describe('esp8266-ds18b20', () => {
  it('publishes the three quantities of the course as MicroPython writes floats, at QoS 0', () => {
    const device = esp8266Ds18b20.create(7);
    expect(device.clientId).toMatch(/^micropython-[0-9a-f]{4}$/);
    for (let second = 0; second < 500; second++) {
      const messages = device.sample(second * 1000);
      expect(messages.map(({ topic }) => topic)).toEqual([
        '/sensors/temperature',
        '/sensors/pression',
        '/sensors/humidite',
      ]);
      for (const { payload, qos, retain } of messages) {
        expect(payload).toMatch(/^\d+\.\d{1,4}$/);
        expect({ qos, retain }).toEqual({ qos: 0, retain: false });
      }
      expect((Number(messages[0]?.payload) * 16) % 1).toBe(0);
    }
  });
});

describe('mqtt-esp', () => {
  const NOON = Date.UTC(2017, 11, 11, 8, 24, 7);

  it('announces itself in the fields and the order of the firmware', () => {
    const device = mqttEsp.create(7);
    expect(device.clientId).toMatch(/^esp-[0-9a-f]{8}$/);
    const [init] = device.announcement(NOON);
    expect(init).toMatchObject({ topic: 'esp001log', qos: 1, retain: true });
    const said = (JSON.parse(init?.payload ?? '') as { ESP_init: Record<string, unknown> }).ESP_init;
    expect(Object.keys(said)).toEqual([
      'DATA_topic',
      'DS3231 SetTime',
      'NTP & RTC SyncTime',
      'Time',
      'Day_W',
      'Day_Y',
      'DS3231 SQW',
      'ambient Temperature',
      'ambient Humidity',
      'Sensor SHT30',
      'K Thermocouple',
      'Sensor MAX6675',
    ]);
    // The 11th of December 2017 was a Monday, and day 345 of its year.
    expect(said).toMatchObject({
      DATA_topic: `data-${device.clientId}`,
      Time: '2017-12-11 08:24:07 GMT',
      Day_W: 0,
      Day_Y: 345,
    });
    expect(said['K Thermocouple']).toMatch(/^\d+\.\d{6} ºC$/);
  });

  it('counts its samples from 0 without gaps, retained, QoS 1, six decimals', () => {
    const device = mqttEsp.create(7);
    for (let id = 0; id < 200; id++) {
      const [message, ...more] = device.sample(id * 1000);
      expect(more).toEqual([]);
      expect(message).toMatchObject({ topic: `data-${device.clientId}`, qos: 1, retain: true });
      expect(message?.payload).toMatch(
        new RegExp(`^\\[\\{"id":${id},"kT":\\d+\\.\\d{6},"aT":\\d+\\.\\d{6},"aH":\\d+\\.\\d{6}\\}\\]$`),
      );
    }
  });
});
