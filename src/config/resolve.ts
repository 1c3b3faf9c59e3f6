import { resolve } from 'node:path';
import { OperatorError } from '../base/index.ts';
import type { TlsSettings } from '../certificates/index.ts';
import { defined } from './defined.ts';
import { type Environment, layerOfEnvironment, layerOfFile, layerOfFlags, type ServeFlags } from './layers.ts';
import { listenAddressText } from './listen-address.ts';
import type { ListenAddress } from './listener.ts';
import type { TlsLayer } from './listener-schema.ts';
import type { Layer } from './schema.ts';
import { DEFAULTS, type Limits, type Settings } from './settings.ts';
import { refuseTlsFaults } from './tls-faults.ts';

export type ResolveInput = {
  readonly flags: ServeFlags;
  readonly env: Environment;
  /** What relative paths of flags and environment are relative to; those of the file are relative to its folder. */
  readonly cwd: string;
};

/**
 * The settings: defaults, then the file, then the environment, then the flags; a later one wins key by key, lists as a
 * whole. Throws an OperatorError that names the first key that is misspelled, wrong, or contradicts another.
 */
export function resolveSettings({ flags, env, cwd }: ResolveInput): Settings {
  const file = flags.config ?? (env['SONDE_CONFIG'] || undefined);
  const layers: readonly Layer[] = [
    ...(file === undefined ? [] : [layerOfFile(resolve(cwd, file))]),
    layerOfEnvironment(env, cwd),
    layerOfFlags(flags, cwd),
  ];
  let settings: Settings = { ...DEFAULTS, data: resolve(cwd, DEFAULTS.data) };
  for (const layer of layers) settings = over(settings, layer);
  settings = { ...settings, ...tlsListenersOf(settings.tls, layers) };
  refuseContradictions(settings);
  refuseTlsFaults(settings);
  return settings;
}

function over(settings: Settings, layer: Layer): Settings {
  return {
    data: layer.data ?? settings.data,
    mqtt: layer.mqtt ?? settings.mqtt,
    http: layer.http ?? settings.http,
    mqtts: settings.mqtts,
    https: settings.https,
    unix: layer.unix ?? settings.unix,
    tls: tlsOver(settings.tls, layer.tls),
    anonymous: layer.anonymous ?? settings.anonymous,
    durability: layer.durability ?? settings.durability,
    history: layer.history ?? settings.history,
    sharedSubscriptions: layer.sharedSubscriptions ?? settings.sharedSubscriptions,
    queuePolicy: layer.queuePolicy ?? settings.queuePolicy,
    rules: layer.rules ?? settings.rules,
    limits: { ...settings.limits, ...defined(layer.limits ?? {}) },
    mqtt5: { ...settings.mqtt5, ...defined(layer.mqtt5 ?? {}) },
    sysIntervalSeconds: layer.sysIntervalSeconds ?? settings.sysIntervalSeconds,
    log: { ...settings.log, ...defined(layer.log ?? {}) },
  };
}

/** A certificate and its key come together: a layer that names one names both. */
function tlsOver(below: TlsSettings, layer: TlsLayer | undefined): TlsSettings {
  if (layer === undefined) return below;
  const names = layer.cert === undefined ? {} : { key: [] };
  return { ...below, ...names, ...defined(layer) };
}

/** The last layer that names TLS listeners wins; what each leaves out of its `tls` is taken from that of all. */
function tlsListenersOf(tls: TlsSettings, layers: readonly Layer[]): Pick<Settings, 'mqtts' | 'https'> {
  const last = (key: 'mqtts' | 'https') =>
    (layers.findLast((layer) => layer[key] !== undefined)?.[key] ?? []).map((one) => ({
      ...one,
      tls: tlsOver(tls, one.tls),
    }));
  return { mqtts: last('mqtts'), https: last('https') };
}

/** Pairs where the first may not exceed the second, with what would happen. */
const AT_MOST: readonly (readonly [small: keyof Limits, large: keyof Limits, why: string])[] = [
  ['maxConnectBytes', 'maxPacketBytes', 'a CONNECT is a packet too'],
  ['maxPacketBytes', 'maxQueuedBytes', 'a packet of that size could never wait for a session'],
  ['maxPacketBytes', 'qos0BufferBytes', 'a packet of that size could never reach history'],
];

function refuseContradictions(settings: Settings): void {
  const { limits } = settings;
  for (const [small, large, why] of AT_MOST) {
    if (limits[small] <= limits[large]) continue;
    throw new OperatorError(
      `limits.${small} (${limits[small]}) is greater than limits.${large} (${limits[large]}): ${why}`,
      `Lower limits.${small} or raise limits.${large}.`,
    );
  }
  const { serverReference, serverReferenceWhen } = settings.mqtt5;
  if (serverReference === null && serverReferenceWhen !== 'shutdown') {
    throw new OperatorError(
      `mqtt5.serverReferenceWhen is ${serverReferenceWhen}, and there is no mqtt5.serverReference to send clients to`,
      'Say which server, or leave serverReferenceWhen out.',
    );
  }
  refuseSharedPorts(settings);
  for (const { place, maxPacketBytes = 0 } of [
    ...ON_PORTS.flatMap((name) =>
      settings[name].map((one) => ({ ...one, place: `${name} ${listenAddressText(one)}` })),
    ),
    ...settings.unix.map((one) => ({ ...one, place: `unix ${one.path}` })),
  ]) {
    if (maxPacketBytes <= limits.maxPacketBytes) continue;
    throw new OperatorError(
      `${place}: maxPacketBytes (${maxPacketBytes}) is greater than limits.maxPacketBytes (${limits.maxPacketBytes})`,
      'Raise that of the server, which is the bound of all.',
    );
  }
}

const ON_PORTS = ['mqtt', 'mqtts', 'http', 'https'] as const;

function refuseSharedPorts(settings: Settings): void {
  const listeners = ON_PORTS.flatMap((name) => settings[name].map((address) => ({ name, address })));
  if (listeners.length + settings.unix.length === 0) {
    throw new OperatorError('every listener is off', 'Leave one on: mqtt, mqtts, http, https or unix.');
  }
  for (const [at, one] of listeners.entries()) {
    const other = listeners.slice(at + 1).find((later) => collide(one.address, later.address));
    if (other === undefined) continue;
    const [first, second] = [listenAddressText(one.address), listenAddressText(other.address)];
    throw new OperatorError(
      `${one.name} ${first} and ${other.name} ${second} want the same port`,
      'Give each listener a port of its own.',
    );
  }
  const paths = settings.unix.map(({ path }) => path);
  const twice = paths.find((path, at) => paths.indexOf(path) !== at);
  if (twice === undefined) return;
  throw new OperatorError(`unix ${twice} is named twice`, 'Give each listener a path of its own.');
}

function collide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || a.host === null || b.host === null;
}
