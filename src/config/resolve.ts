import { resolve } from 'node:path';
import { OperatorError } from '../base/index.ts';
import { type Environment, layerOfEnvironment, layerOfFile, layerOfFlags, type ServeFlags } from './layers.ts';
import { listenAddressText } from './listen-address.ts';
import type { Layer } from './schema.ts';
import { DEFAULTS, type Limits, type ListenAddress, type Settings } from './settings.ts';

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
  refuseContradictions(settings);
  return settings;
}

function over(settings: Settings, layer: Layer): Settings {
  return {
    data: layer.data ?? settings.data,
    mqtt: layer.mqtt ?? settings.mqtt,
    http: layer.http ?? settings.http,
    anonymous: layer.anonymous ?? settings.anonymous,
    durability: layer.durability ?? settings.durability,
    history: layer.history ?? settings.history,
    rules: layer.rules ?? settings.rules,
    limits: { ...settings.limits, ...defined(layer.limits ?? {}) },
    mqtt5: { ...settings.mqtt5, ...defined(layer.mqtt5 ?? {}) },
    sysIntervalSeconds: layer.sysIntervalSeconds ?? settings.sysIntervalSeconds,
    log: { ...settings.log, ...defined(layer.log ?? {}) },
  };
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
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
  const listeners = [
    ...settings.mqtt.map((address) => ({ name: 'mqtt', address })),
    ...settings.http.map((address) => ({ name: 'http', address })),
  ];
  for (const [at, one] of listeners.entries()) {
    const other = listeners.slice(at + 1).find((later) => collide(one.address, later.address));
    if (other === undefined) continue;
    const [first, second] = [listenAddressText(one.address), listenAddressText(other.address)];
    throw new OperatorError(
      `${one.name} ${first} and ${other.name} ${second} want the same port`,
      'Give each listener a port of its own.',
    );
  }
}

function collide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || a.host === null || b.host === null;
}
