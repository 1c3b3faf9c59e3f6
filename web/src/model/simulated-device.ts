/** The simulated esp8266-ds18b20: what it publishes, without the sending. */
export type Sample = { readonly topic: string; readonly payload: string };

export const SIMULATED_NAME = 'esp8266-ds18b20';
export const SIMULATED_PERIOD_MS = 2000;

/**
 * A room over time: a slow swing, a little noise, a weather front. `seconds` since the start, `random` in 0..1. A
 * DS18B20 steps by a sixteenth of a degree, which is why the temperature does.
 */
export function simulatedSamples(seconds: number, random: () => number): readonly Sample[] {
  const noise = (width: number) => (random() - 0.5) * width;
  const celsius = 21.5 + 1.6 * Math.sin(seconds / 95) + 0.5 * Math.sin(seconds / 17) + noise(0.15);
  const hectopascals = 1013.2 + 4 * Math.sin(seconds / 610) + noise(0.3);
  const percent = 46 - 5 * Math.sin(seconds / 130 + 0.6) + noise(0.8);
  return [
    { topic: '/sensors/temperature', payload: (Math.round(celsius * 16) / 16).toFixed(2) },
    { topic: '/sensors/pression', payload: hectopascals.toFixed(1) },
    { topic: '/sensors/humidite', payload: percent.toFixed(1) },
  ];
}
