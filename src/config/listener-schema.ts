import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { isDnsName } from '../certificates/index.ts';
import type { ListenerRules } from '../transport/index.ts';
import { defined } from './defined.ts';
import { parseListenAddress } from './listen-address.ts';
import type { ListenAddress, PlainListener, UnixListener } from './listener.ts';

/** The keys under which listeners stand. */
export const LISTENERS: ReadonlySet<string> = new Set(['mqtt', 'http', 'mqtts', 'https', 'unix']);

/** One file or several. */
const files = z.union([
  z.array(z.string().min(1, 'is empty')),
  z
    .string()
    .min(1, 'is empty')
    .transform((one) => [one]),
]);

/** What stands under `tls`, for all TLS listeners or for one. */
export const tlsSchema = z
  .strictObject({
    cert: files,
    key: files,
    clientCertificates: z.enum(['none', 'optional', 'require']),
    clientCa: z.string().min(1, 'is empty'),
    clientCrl: z.string().min(1, 'is empty'),
    certificateUser: z.enum(['cn', 'subject', 'none']),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']),
    // OpenSSL's own bounds.
    maxRecordBytes: z.coerce.number().int().min(512).max(16_384),
    names: z.union([z.array(z.string()), z.string().transform((one) => one.split(','))]).check((ctx) => {
      const wrong = ctx.value.find((name) => isIP(name) === 0 && !isDnsName(name));
      if (wrong === undefined) return;
      ctx.issues.push({ code: 'custom', message: `${JSON.stringify(wrong)} is no host name or address`, input: wrong });
    }),
  })
  .partial();

export type TlsLayer = z.output<typeof tlsSchema>;
/** A TLS listener as one layer writes it: its own `tls` is put over that of all. */
export type TlsListenerLayer = ListenAddress & ListenerRules & { readonly tls: TlsLayer };

const OWNER_ONLY = 0o600;

const address = z.union([z.string(), z.int()]).transform((value, ctx): ListenAddress => {
  const parsed = parseListenAddress(String(value));
  if (typeof parsed !== 'string') return parsed;
  ctx.addIssue(parsed);
  return z.NEVER;
});

const proxy = z.unknown().transform((value, ctx): true | readonly string[] | undefined => {
  if (value === undefined || value === false) return undefined;
  if (value === true) return true;
  if (!Array.isArray(value)) ctx.addIssue('is neither true nor a list of addresses and networks');
  else if (value.length === 0) ctx.addIssue('is empty; write true for every address');
  else {
    const networks = value.map(String);
    const wrong = networks.find((network) => !isNetwork(network));
    if (wrong === undefined) return networks;
    ctx.addIssue(`${JSON.stringify(wrong)} is no address and no network such as 10.0.0.0/8`);
  }
  return z.NEVER;
});

function isNetwork(text: string): boolean {
  const [base = '', bits, ...rest] = text.split('/');
  const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
  try {
    if (isIP(base) === 0 || rest.length > 0) return false;
    if (bits !== undefined) {
      if (!/^\d{1,3}$/.test(bits)) return false;
      new BlockList().addSubnet(base, Number(bits), family);
    }
    return true;
  } catch {
    return false;
  }
}

const rules = {
  anonymous: z.enum(['none', 'local', 'all']).optional(),
  maxConnections: z.int().min(1).max(1_000_000).optional(),
  maxPacketBytes: z
    .int()
    .min(1024)
    .max(256 * 1024 * 1024)
    .optional(),
  maxSentPacketBytes: z
    .int()
    .min(128)
    .max(256 * 1024 * 1024)
    .optional(),
  proxy: proxy.optional(),
};

const plainObject = z
  .strictObject({ address, ...rules })
  .transform(({ address: at, ...own }): PlainListener => ({ ...at, ...defined(own) }));
const tlsObject = z
  .strictObject({ address, ...rules, tls: tlsSchema.optional() })
  .transform(({ address: at, tls, ...own }): TlsListenerLayer => ({ ...at, ...defined(own), tls: tls ?? {} }));
const mode = z
  .union([z.string(), z.int()])
  .transform((value, ctx) => {
    // YAML reads 0600 as a decimal number and 0o600 as an octal one: text is unambiguous.
    if (typeof value === 'string' && /^0?[0-7]{3}$/.test(value)) return Number.parseInt(value, 8);
    ctx.addIssue('is not the permissions of a file as text, such as "0660"');
    return z.NEVER;
  })
  .optional();
const path = z.string().min(1, 'is empty');
/** Said by name: a listener that ignored it would take every header for a broken CONNECT. */
const noProxy = z.unknown().transform((value, ctx): undefined => {
  if (value === undefined || value === false) return undefined;
  ctx.addIssue(
    'is for TCP and TLS only, not for a Unix socket; let the proxy connect to a port, such as 127.0.0.1:1884',
  );
  return z.NEVER;
});
const unixObject = z
  .strictObject({ path, mode, ...rules, proxy: noProxy.optional() })
  .transform(
    ({ mode: given, ...own }): UnixListener => ({ ...defined(own), path: own.path, mode: given ?? OWNER_ONLY }),
  );

/** One listener or a list of them, each in its short form or as an object; `off`: none. An empty list is a mistake. */
const listOf = <T>(short: z.ZodType<T>, long: z.ZodType<T>) =>
  z.unknown().transform((value, ctx): readonly T[] => {
    const list = Array.isArray(value) ? (value as unknown[]) : [value];
    if (list.length === 1 && list[0] === 'off') return [];
    if (list.length === 0) ctx.addIssue('needs at least one listener; write off for none');
    const listeners: T[] = [];
    for (const [at, one] of list.entries()) {
      // Looked at by its form, so that the fault names the key that is wrong.
      const result = (typeof one === 'object' && one !== null ? long : short).safeParse(one);
      if (result.success) listeners.push(result.data);
      else for (const issue of result.error.issues) ctx.issues.push({ ...issue, path: [at, ...issue.path] } as never);
    }
    return ctx.issues.length === 0 ? listeners : z.NEVER;
  });

export const plainListeners = listOf<PlainListener>(address, plainObject);
export const tlsListeners = listOf<TlsListenerLayer>(
  address.transform((at) => ({ ...at, tls: {} })),
  tlsObject,
);
export const unixListeners = listOf<UnixListener>(
  path.transform((value) => ({ path: value, mode: OWNER_ONLY })),
  unixObject,
);

/** What may stand in the object of one listener. */
export function listenerKeys(kind: string): readonly string[] {
  const own = Object.keys(rules);
  if (kind === 'unix') return ['path', 'mode', ...own.filter((key) => key !== 'proxy')];
  return kind === 'mqtts' || kind === 'https' ? ['address', 'tls', ...own] : ['address', ...own];
}
