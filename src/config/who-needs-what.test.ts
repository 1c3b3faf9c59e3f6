import { describe, expect, it } from 'vitest';
import { DEFAULT_TLS, type TlsSettings } from '../certificates/index.ts';
import { listenerNeeds } from './who-needs-what.ts';

const NOBODY = { mqtt: [], mqtts: [], http: [], https: [], unix: [] };
const tls = (more: Partial<TlsSettings>): TlsSettings => ({ ...DEFAULT_TLS, ...more });

describe('what a listener asks of its clients', () => {
  it('is what the server asks, unless it has rules of its own; who comes by a proxy is never local', () => {
    const mqtt = [
      { host: null, port: 1883 },
      { host: null, port: 1884, anonymous: 'none' },
      { host: '::1', port: 1885, anonymous: 'all' },
      { host: null, port: 1886, proxy: true },
      { host: null, port: 1887, proxy: true, anonymous: 'all' },
    ] as const;
    const unix = [{ path: '/run/sonde.sock', mode: 0o600 }];
    expect(listenerNeeds({ ...NOBODY, mqtt, unix }, 'local')).toEqual([
      { listener: 'mqtt *:1883', needs: 'local' },
      { listener: 'mqtt *:1884', needs: 'token' },
      { listener: 'mqtt [::1]:1885', needs: 'nothing' },
      { listener: 'mqtt *:1886', needs: 'token' },
      { listener: 'mqtt *:1887', needs: 'nothing' },
      { listener: 'unix /run/sonde.sock', needs: 'local' },
    ]);
  });

  it('is a certificate where one is required and names its user', () => {
    const one = { host: null, port: 8883 };
    const needsOf = (more: Partial<TlsSettings>) =>
      listenerNeeds({ ...NOBODY, mqtts: [{ ...one, tls: tls(more) }] }, 'all')[0]?.needs;
    expect(needsOf({})).toBe('nothing');
    expect(needsOf({ clientCertificates: 'optional' })).toBe('nothing');
    expect(needsOf({ clientCertificates: 'require' })).toBe('certificate');
    expect(needsOf({ clientCertificates: 'require', certificateUser: 'none' })).toBe('nothing');
  });
});
