import { isIP, isIPv6 } from 'node:net';
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** What a server certificate is made out to. */
export type Names = { readonly dns: readonly string[]; readonly addresses: readonly string[] };

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const MAX_ADDRESSES = 32;

/** How this machine can be called: localhost, its host name (also with `.local`), its addresses, and `more`. */
export function machineNames(
  more: readonly string[],
  host: string = hostname(),
  interfaces: Interfaces = networkInterfaces(),
): Names {
  const own = host.toLowerCase();
  const dns = ['localhost', own, own.includes('.') ? '' : `${own}.local`, ...more.filter((name) => isIP(name) === 0)];
  const found = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !isPassing(address))
    .map(({ address }) => address)
    .sort();
  const addresses = ['127.0.0.1', '::1', ...more.filter((name) => isIP(name) !== 0), ...found];
  return {
    dns: [...new Set(dns.map((name) => name.toLowerCase()))].filter(isDnsName),
    addresses: [...new Set(addresses.map((address) => plain(address)))].slice(0, MAX_ADDRESSES),
  };
}

/** A name that may stand in a certificate; `*` only as the first label. */
export function isDnsName(name: string): boolean {
  return (
    name.length <= 253 &&
    /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(name)
  );
}

/** Addresses that nobody types, and that change by themselves: link-local ones. */
function isPassing(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}

/** Without the zone, in the shortest form. */
function plain(address: string): string {
  const bare = address.split('%', 1)[0] ?? address;
  return isIPv6(bare) ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare;
}
