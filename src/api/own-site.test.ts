import { describe, expect, it } from 'vitest';
import { isOwnOrigin } from './own-site.ts';

describe('an Origin', () => {
  it.each([
    ['http://localhost:8080', 'localhost:8080', false],
    ['http://LocalHost:8080', 'localhost:8080', false],
    ['http://sonde.lab', 'sonde.lab', false],
    ['http://sonde.lab', 'sonde.lab:80', false],
    ['http://[::1]:8080', '[::1]:8080', false],
    ['https://sonde.lab', 'sonde.lab', true],
    // A proxy ended TLS and passed the Host on.
    ['https://sonde.lab', 'sonde.lab', false],
  ])('%s is own for Host %s (TLS: %s)', (origin, host, encrypted) => {
    expect(isOwnOrigin(origin, host, encrypted)).toBe(true);
  });

  it.each([
    ['http://evil.example', 'localhost:8080', false],
    ['http://localhost:3000', 'localhost:8080', false],
    ['http://localhost', 'localhost:8080', false],
    ['http://localhost:8080', undefined, false],
    ['http://localhost:8080', '', false],
    ['http://127.0.0.1:8080', 'localhost:8080', false],
    ['http://localhost.evil.example:8080', 'localhost:8080', false],
    ['http://evil.example', 'evil.example@localhost', false],
    ['http://sonde.lab', 'sonde.lab', true],
    ['null', 'localhost:8080', false],
    ['', 'localhost:8080', false],
    ['file://localhost', 'localhost', false],
    ['chrome-extension://localhost:8080', 'localhost:8080', false],
    ['http://localhost:8080, http://evil.example', 'localhost:8080', false],
  ])('%s is foreign for Host %s (TLS: %s)', (origin, host, encrypted) => {
    expect(isOwnOrigin(origin, host, encrypted)).toBe(false);
  });
});
