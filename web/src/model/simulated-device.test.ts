import { expect, it } from 'vitest';
import { simulatedSamples } from './simulated-device.ts';

it('publishes the three topics of the device, as bare numbers', () => {
  const samples = simulatedSamples(12, () => 0.5);
  expect(samples.map(({ topic }) => topic)).toEqual(['/sensors/temperature', '/sensors/pression', '/sensors/humidite']);
  for (const { payload } of samples) expect(payload).toMatch(/^\d+\.\d+$/);
});

it('stays a room, for a day and whatever the noise', () => {
  for (const noise of [0, 0.999]) {
    for (let s = 0; s < 86_400; s += 61) {
      const [celsius, hectopascals, percent] = simulatedSamples(s, () => noise).map(({ payload }) => Number(payload));
      expect(celsius).toBeGreaterThan(18);
      expect(celsius).toBeLessThan(25);
      expect(hectopascals).toBeGreaterThan(1000);
      expect(percent).toBeLessThan(60);
    }
  }
});
