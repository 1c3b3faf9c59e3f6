import type { NetworkInterfaceInfo } from 'node:os';

/** `os.networkInterfaces()`, or what a test puts in its place. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const MAX_HOSTS = 4;

/**
 * The hosts that a device can be pointed at for a listener: for one on every interface this machine's addresses in its
 * networks, likeliest first; else the listener's own. Bridges of containers come last, addresses without a router never.
 */
export function deviceHosts(host: string | null, interfaces: Interfaces): readonly string[] {
  if (host !== null && host !== '0.0.0.0' && host !== '::') return [host];
  const outward = Object.entries(interfaces)
    .flatMap(([name, addresses]) => (addresses ?? []).map((address) => ({ name, ...address })))
    .filter(({ internal, address }) => !internal && !isLinkLocal(address));
  const v4 = outward.filter(({ family }) => family === 'IPv4');
  // An IPv4 address is what people type into a device; IPv6 only where there is nothing else.
  const v6 = host === '0.0.0.0' ? [] : outward.filter(({ family }) => family === 'IPv6');
  const chosen = v4.length > 0 ? v4 : v6;
  return [...chosen.filter(({ name }) => !isBridge(name)), ...chosen.filter(({ name }) => isBridge(name))]
    .map(({ address }) => address)
    .slice(0, MAX_HOSTS);
}

/** How this machine itself reaches a listener, or null when only others do. */
export function ownHost(host: string | null): string | null {
  if (host === null || host === '0.0.0.0' || host === '::') return 'localhost';
  return host === 'localhost' || host === '::1' || host.startsWith('127.') ? host : null;
}

/** A host as it stands in a URL. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}

function isBridge(name: string): boolean {
  return /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|podman|lxc|lxd|vEthernet)/.test(name);
}
