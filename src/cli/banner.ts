import { tokenUrl } from '../access/index.ts';
import type { ListenAddress, ListenerNeeds, Needs } from '../config/index.ts';
import { deviceHosts, type Interfaces, ownHost, urlHost } from './device-hosts.ts';

/** What a started server tells the person who started it. Ports are those that were bound. */
export type BannerInput = {
  readonly version: string;
  readonly mqtt: readonly ListenAddress[];
  readonly http: readonly ListenAddress[];
  readonly mqtts?: readonly ListenAddress[];
  readonly https?: readonly ListenAddress[];
  /** Paths of Unix sockets. */
  readonly unix?: readonly string[];
  /** Of the local CA, where there is one: its file, and the SHA-256 of its certificate. */
  readonly ca?: { readonly file: string; readonly fingerprint: string } | null;
  /** `os.networkInterfaces()`. */
  readonly interfaces: Interfaces;
  /** The ready token of a first start: the only time that its secret is shown. Null later. */
  readonly firstToken: { readonly key: string; readonly secret: string } | null;
  /** What each listener asks of its clients. */
  readonly needs: readonly ListenerNeeds[];
  readonly history: 'duckdb' | 'off';
  readonly dataFolder: string;
};

/** The lines to print when every listener is open. */
export function bannerLines(input: BannerInput): readonly string[] {
  const rows: (readonly [label: string, text: string])[] = [
    ...labelled('devices', deviceTexts(input)),
    ...labelled('token', tokenTexts(input)),
    ...labelled('web app', webUrls(input)),
    ...labelled('tls', tlsTexts(input)),
    ['data', input.history === 'off' ? `${input.dataFolder} (history is off)` : input.dataFolder],
  ];
  return [
    `Sonde ${input.version} is ready. Ctrl-C stops it.`,
    ...rows.map(([label, text]) => `  ${label.padEnd(9)} ${text}`),
  ];
}

/** The label before the first line only. */
function labelled(label: string, texts: readonly string[]): (readonly [string, string])[] {
  return texts.map((text, at) => [at === 0 ? label : '', text]);
}

function deviceTexts({ mqtt, mqtts = [], unix = [], interfaces }: BannerInput): readonly string[] {
  const text = ({ host, port }: ListenAddress): string => {
    const own = ownHost(host);
    const hosts = deviceHosts(host, interfaces).filter((one) => one !== own);
    const here = own === null ? [] : [`${own} (this machine only)`];
    return `host ${[...hosts, ...here].join(' or ')}, port ${port}`;
  };
  const texts = [
    ...mqtt.map(text),
    ...mqtts.map((address) => `${text(address)} with TLS`),
    ...unix.map((path) => `Unix socket ${path}`),
  ];
  return [...new Set(texts)];
}

/** How the certificates of the local CA come to be trusted. */
function tlsTexts(input: BannerInput): readonly string[] {
  const { ca } = input;
  if (!ca) return [];
  const [url] = webUrls(input);
  const first = url?.split(' or ').at(-1);
  return [
    `devices and browsers trust it once they have ${ca.file}${first === undefined ? '' : `, also at ${first}/ca.pem`}`,
    `its SHA-256 fingerprint: ${ca.fingerprint}`,
  ];
}

function tokenTexts({ firstToken, mqtt, interfaces, needs }: BannerInput): readonly string[] {
  const without = withoutTexts(needs);
  if (firstToken === null) {
    const make = 'make one with: sonde token create';
    return without.length === 1 ? [`${make}; ${without[0]}`] : [make, ...without];
  }
  const listener = mqtt[0];
  const host = listener === undefined ? undefined : deviceHosts(listener.host, interfaces)[0];
  return [
    `user ${firstToken.key}, password ${firstToken.secret} (shown this once)`,
    ...(listener === undefined ? [] : [tokenUrl(firstToken, host ?? 'localhost', listener.port)]),
    ...without,
  ];
}

const WHO_NEEDS_ONE: Readonly<Record<Needs, string>> = {
  nothing: 'nobody needs one',
  local: 'this machine needs none, others do',
  token: 'everybody needs one',
  certificate: 'a client certificate is needed, and no token',
};

/** One line where all listeners are alike; else one for each kind of them. */
function withoutTexts(listeners: readonly ListenerNeeds[]): readonly string[] {
  const kinds = [...new Set(listeners.map(({ needs }) => needs))];
  if (kinds.length === 1) return kinds.map((kind) => WHO_NEEDS_ONE[kind]);
  return kinds.map((kind) => {
    const at = listeners.filter(({ needs }) => needs === kind).map(({ listener }) => listener);
    return `${WHO_NEEDS_ONE[kind]}: ${at.join(', ')}`;
  });
}

function webUrls({ http, https = [], interfaces }: BannerInput): readonly string[] {
  const url = (scheme: string, { host, port }: ListenAddress): string => {
    const hosts = [...new Set([ownHost(host) ?? [], deviceHosts(host, interfaces)].flat())];
    return hosts.map((one) => `${scheme}://${urlHost(one)}:${port}`).join(' or ');
  };
  return [...new Set([...http.map((one) => url('http', one)), ...https.map((one) => url('https', one))])];
}
