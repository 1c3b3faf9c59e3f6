import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type BannerInput, bannerLines } from './banner.ts';
import { deviceHosts, ownHost } from './device-hosts.ts';

function address(text: string, internal = false): NetworkInterfaceInfo {
  const more = { netmask: '', mac: '', internal, cidr: null };
  return text.includes(':')
    ? { address: text, family: 'IPv6', scopeid: 0, ...more }
    : { address: text, family: 'IPv4', ...more };
}

const INTERFACES = {
  lo: [address('127.0.0.1', true), address('::1', true)],
  docker0: [address('172.17.0.1')],
  eth0: [address('192.168.1.20'), address('fe80::1'), address('2001:db8::20')],
  wlan0: [address('10.3.141.1'), address('169.254.3.4')],
  gone: undefined,
};

const INPUT: BannerInput = {
  version: '0.1.0',
  mqtt: [{ host: null, port: 1883 }],
  http: [{ host: null, port: 8080 }],
  interfaces: INTERFACES,
  firstToken: { key: 'abcdefgh23', secret: 'mnpqrstuvwxyz23456789abc' },
  needs: [
    { listener: 'mqtt *:1883', needs: 'local' },
    { listener: 'http *:8080', needs: 'local' },
  ],
  history: 'duckdb',
  dataFolder: '/home/lab/sonde-data',
};

describe('the hosts of a listener', () => {
  it.each<[host: string | null, expected: readonly string[], own: string | null]>([
    [null, ['192.168.1.20', '10.3.141.1', '172.17.0.1'], 'localhost'],
    ['0.0.0.0', ['192.168.1.20', '10.3.141.1', '172.17.0.1'], 'localhost'],
    ['::', ['192.168.1.20', '10.3.141.1', '172.17.0.1'], 'localhost'],
    ['127.0.0.1', ['127.0.0.1'], '127.0.0.1'],
    ['::1', ['::1'], '::1'],
    ['localhost', ['localhost'], 'localhost'],
    ['10.3.141.1', ['10.3.141.1'], null],
    ['broker.lan', ['broker.lan'], null],
  ])('on %s are %j', (host, expected, own) => {
    expect(deviceHosts(host, INTERFACES)).toEqual(expected);
    expect(ownHost(host)).toBe(own);
  });

  it('are IPv6 addresses only where there is nothing else, none without a network, and never many', () => {
    expect(deviceHosts(null, { eth0: [address('2001:db8::20'), address('fe80::1')] })).toEqual(['2001:db8::20']);
    expect(deviceHosts('0.0.0.0', { eth0: [address('2001:db8::20')] })).toEqual([]);
    expect(deviceHosts(null, {})).toEqual([]);
    const many = Array.from({ length: 50 }, (_, at) => address(`10.0.0.${at + 1}`));
    expect(deviceHosts(null, { eth0: many })).toHaveLength(4);
  });
});

describe('the banner', () => {
  it('says where devices and browsers go, the ready token, and where the data is', () => {
    expect(bannerLines(INPUT)).toEqual([
      'Sonde 0.1.0 is ready. Ctrl-C stops it.',
      '  devices   host 192.168.1.20 or 10.3.141.1 or 172.17.0.1 or localhost (this machine only), port 1883',
      '  token     user abcdefgh23, password mnpqrstuvwxyz23456789abc (shown this once)',
      '            mqtt://abcdefgh23:mnpqrstuvwxyz23456789abc@192.168.1.20:1883',
      '            this machine needs none, others do',
      '  web app   http://localhost:8080 or http://192.168.1.20:8080 or http://10.3.141.1:8080 or http://172.17.0.1:8080',
      '  data      /home/lab/sonde-data',
    ]);
  });

  it('shows no secret after the first start, and says what is open or off', () => {
    const lines = bannerLines({
      ...INPUT,
      firstToken: null,
      needs: [{ listener: 'mqtt 127.0.0.1:1883', needs: 'nothing' }],
      history: 'off',
      mqtt: [
        { host: '127.0.0.1', port: 1883 },
        { host: '::1', port: 1884 },
      ],
      http: [{ host: '::1', port: 8080 }],
    });
    expect(lines).toEqual([
      'Sonde 0.1.0 is ready. Ctrl-C stops it.',
      '  devices   host 127.0.0.1 (this machine only), port 1883',
      '            host ::1 (this machine only), port 1884',
      '  token     make one with: sonde token create; nobody needs one',
      '  web app   http://[::1]:8080',
      '  data      /home/lab/sonde-data (history is off)',
    ]);
  });

  it('says for each listener who needs a token, where they differ', () => {
    const needs = [
      { listener: 'mqtt *:1883', needs: 'token' },
      { listener: 'mqtt 127.0.0.1:1884', needs: 'nothing' },
      { listener: 'mqtts *:8883', needs: 'certificate' },
      { listener: 'unix /run/sonde.sock', needs: 'local' },
      { listener: 'http *:8080', needs: 'token' },
    ] as const;
    const expected = [
      '            everybody needs one: mqtt *:1883, http *:8080',
      '            nobody needs one: mqtt 127.0.0.1:1884',
      '            a client certificate is needed, and no token: mqtts *:8883',
      '            this machine needs none, others do: unix /run/sonde.sock',
    ];
    expect(bannerLines({ ...INPUT, needs }).slice(4, 8)).toEqual(expected);
    const later = bannerLines({ ...INPUT, needs, firstToken: null });
    expect(later.slice(2, 7)).toEqual(['  token     make one with: sonde token create', ...expected]);
  });

  it('has a URL also on a machine without a network', () => {
    const lines = bannerLines({ ...INPUT, interfaces: {} });
    expect(lines.join('\n')).toContain('@localhost:1883');
    expect(lines.join('\n')).toContain('http://localhost:8080');
  });
});
