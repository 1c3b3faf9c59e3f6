import { expect, it } from 'vitest';
import { isLoopback, starterLines } from './starter-lines.ts';

const base = { host: '192.168.1.7', mqttPort: 1883, origin: 'http://192.168.1.7:8080', signedIn: false };
const textOf = (id: string, more: Partial<typeof base> = {}) =>
  starterLines({ ...base, ...more }).find((line) => line.id === id)?.text;

it('names this page’s host and leaves the usual port out', () => {
  expect(textOf('mosquitto')).toBe('mosquitto_pub -h 192.168.1.7 -t sensors/temperature -m 21.5');
});

it('has placeholders for the key and the secret when they are needed', () => {
  expect(textOf('mosquitto', { signedIn: true, mqttPort: 1884 })).toBe(
    'mosquitto_pub -h 192.168.1.7 -p 1884 -u KEY -P SECRET -t sensors/temperature -m 21.5',
  );
  for (const id of ['micropython', 'python', 'curl']) expect(textOf(id, { signedIn: true })).toContain('SECRET');
  for (const id of ['micropython', 'python', 'curl']) expect(textOf(id)).not.toContain('SECRET');
});

it('writes an IPv6 host without its brackets where no port follows', () => {
  expect(textOf('mosquitto', { host: '[fe80::1]' })).toContain('-h fe80::1 ');
});

it('knows hosts that only this machine can use', () => {
  for (const host of ['localhost', '127.0.0.1', '[::1]', '::1']) expect(isLoopback(host)).toBe(true);
  for (const host of ['192.168.1.7', 'sonde.local', 'localhost.example']) expect(isLoopback(host)).toBe(false);
});
