import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { messageOf, OperatorError, systemCode } from '../base/index.ts';
import { defined } from './defined.ts';
import { LISTENERS, type TlsLayer } from './listener-schema.ts';
import { knownKeys, type Layer, layerSchema } from './schema.ts';
import { suggestion } from './suggest.ts';

/** What the command line gave to `sonde serve`, as text. */
export type ServeFlags = {
  readonly config?: string | undefined;
  readonly data?: string | undefined;
  readonly mqtt?: readonly string[] | undefined;
  readonly http?: readonly string[] | undefined;
  readonly mqtts?: readonly string[] | undefined;
  readonly https?: readonly string[] | undefined;
  readonly anonymous?: string | undefined;
  readonly durability?: string | undefined;
  readonly history?: string | undefined;
  readonly sharedSubscriptions?: string | undefined;
  readonly queuePolicy?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  readonly unix?: readonly string[] | undefined;
  readonly tlsCert?: readonly string[] | undefined;
  readonly tlsKey?: readonly string[] | undefined;
  readonly tlsClientCa?: string | undefined;
  readonly tlsClientCrl?: string | undefined;
  readonly tlsClientCertificates?: string | undefined;
  readonly tlsCertificateUser?: string | undefined;
  readonly tlsMinVersion?: string | undefined;
  readonly tlsName?: readonly string[] | undefined;
  /** `NAME=VALUE`, each a key of `limits`. */
  readonly limit?: readonly string[] | undefined;
};

export type Environment = Readonly<Record<string, string | undefined>>;

const MAX_FILE_BYTES = 1024 * 1024;

/** Reads the configuration file. One that is missing, empty, broken or unreadable is an error: never the defaults. */
export function layerOfFile(path: string): Layer {
  const raw = parseYaml(path, readText(path));
  const layer = check(raw, (at) => `${at === '' ? 'the top level' : at} in ${path}`);
  return withAbsolutePaths(layer, dirname(path));
}

/** Every path of a layer, relative to `base`. */
function withAbsolutePaths(layer: Layer, base: string): Layer {
  const absolute = (path: string): string => resolve(base, path);
  const ofTls = (tls: TlsLayer): TlsLayer =>
    defined({
      ...tls,
      cert: tls.cert?.map(absolute),
      key: tls.key?.map(absolute),
      clientCa: tls.clientCa === undefined ? undefined : absolute(tls.clientCa),
      clientCrl: tls.clientCrl === undefined ? undefined : absolute(tls.clientCrl),
    });
  return defined({
    ...layer,
    data: layer.data === undefined ? undefined : absolute(layer.data),
    tls: layer.tls === undefined ? undefined : ofTls(layer.tls),
    mqtts: layer.mqtts?.map((one) => ({ ...one, tls: ofTls(one.tls) })),
    https: layer.https?.map((one) => ({ ...one, tls: ofTls(one.tls) })),
    unix: layer.unix?.map((one) => ({ ...one, path: absolute(one.path) })),
  });
}

function readText(path: string): string {
  try {
    if (fs.statSync(path).size > MAX_FILE_BYTES) throw new Error('it is larger than 1 MiB');
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    const why = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new OperatorError(`cannot read the configuration file ${path}: ${why}`, 'Check the path after --config.');
  }
}

function parseYaml(path: string, text: string): unknown {
  // Only for those who have a file.
  const { parseAllDocuments } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const documents = parseAllDocuments(text, { prettyErrors: true });
  const list = Array.isArray(documents) ? documents : [];
  const fault = list.flatMap((document) => document.errors)[0];
  if (fault !== undefined) {
    const [firstLine] = fault.message.split('\n');
    throw new OperatorError(`the configuration file ${path} is no YAML: ${firstLine}`, 'Correct that line.');
  }
  let value: unknown;
  try {
    value = list[0]?.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new OperatorError(`the configuration file ${path} cannot be used: ${messageOf(error)}`, 'Correct it.');
  }
  if (list.length > 1) {
    throw new OperatorError(`the configuration file ${path} holds several documents`, 'Remove the lines with ---.');
  }
  if (value === null || value === undefined) {
    throw new OperatorError(`the configuration file ${path} is empty`, 'Write a key into it, or leave --config out.');
  }
  return value;
}

/** Reads `SONDE_*`. Several listeners are parted by commas; an empty value counts as not set. */
export function layerOfEnvironment(env: Environment, cwd: string): Layer {
  const raw: Record<string, unknown> = {};
  const limits: Record<string, unknown> = {};
  const log: Record<string, unknown> = {};
  const mqtt5: Record<string, unknown> = {};
  const tls: Record<string, unknown> = {};
  const places = environmentPlaces();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('SONDE_') || name === 'SONDE_CONFIG' || value === undefined || value === '') continue;
    const place = places.get(name);
    if (place === undefined) {
      if (isServiceLink(name) || isWorkshopName(name)) continue;
      const known = [...places.keys(), 'SONDE_CONFIG'];
      throw new OperatorError(`the environment variable ${name} is not known${suggestion(name, known)}`, 'Remove it.');
    }
    if (place.group === 'limits') limits[place.key] = numberOrText(value);
    else if (place.group === 'log') log[place.key] = value;
    else if (place.group === 'mqtt5') mqtt5[place.key] = value;
    else if (place.group === 'tls') tls[place.key] = LISTS_OF_TLS.has(place.key) ? listOf(value) : value;
    else if (LISTENERS.has(place.key)) raw[place.key] = listOf(value);
    else raw[place.key] = NUMBERS.has(place.key) ? numberOrText(value) : value;
  }
  const layer = check({ ...raw, limits, log, mqtt5, tls }, environmentName);
  return withAbsolutePaths(layer, cwd);
}

const LISTS_OF_TLS: ReadonlySet<string> = new Set(['cert', 'key', 'names']);

function listOf(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}

/** Reads the flags of `sonde serve`. */
export function layerOfFlags(flags: ServeFlags, cwd: string): Layer {
  const { config: _, logLevel, logFormat, limit, tlsName, ...rest } = flags;
  const top = Object.entries(rest).filter(([name]) => !name.startsWith('tls'));
  const raw: Record<string, unknown> = defined(Object.fromEntries(top));
  raw['log'] = defined({ level: logLevel, format: logFormat });
  // `tlsClientCa` is `tls.clientCa`, as in the file.
  const tls = Object.entries(rest)
    .filter(([name]) => name.startsWith('tls'))
    .map(([name, value]) => [`${name.charAt(3).toLowerCase()}${name.slice(4)}`, value] as const);
  raw['tls'] = defined({ ...Object.fromEntries(tls), names: tlsName });
  raw['limits'] = limitsOfFlags(limit ?? []);
  const layer = check(raw, flagName);
  return withAbsolutePaths(layer, cwd);
}

function limitsOfFlags(pairs: readonly string[]): Record<string, unknown> {
  const limits: Record<string, unknown> = Object.create(null);
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new OperatorError(`--limit ${pair} is not NAME=VALUE`, 'Example: --limit maxInflight=20');
    limits[pair.slice(0, equals)] = numberOrText(pair.slice(equals + 1));
  }
  return { ...limits };
}

/** Keys that hold keys of their own. */
const GROUPS: readonly string[] = ['limits', 'log', 'mqtt5', 'tls'];
const NUMBERS = new Set(['sysIntervalSeconds']);

/** All variables that are read, and where their values belong. */
export function environmentPlaces(): ReadonlyMap<string, { readonly group: string | null; readonly key: string }> {
  const places = new Map<string, { readonly group: string | null; readonly key: string }>();
  for (const key of knownKeys([])) {
    // Rules are lists of objects: they stand in the file.
    if (key === 'rules' || GROUPS.includes(key)) continue;
    places.set(environmentName(key), { group: null, key });
  }
  for (const group of GROUPS) {
    for (const key of knownKeys([group])) places.set(environmentName(`${group}.${key}`), { group, key });
  }
  return places;
}

function environmentName(at: string): string {
  const [first, second] = at.split('.');
  const path = second === undefined || /^\d+$/.test(second) ? first : `${first}_${second}`;
  return `SONDE_${(path ?? '').replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Kubernetes and Docker links put these beside a service that is called sonde. */
function isServiceLink(name: string): boolean {
  return /^SONDE_(\w+_)?(SERVICE_(HOST|PORT)\w*|PORT(_\d+_(TCP|UDP)\w*)?)$/.test(name);
}

/** What the tests and the bench of this repository are told by; a server that they start inherits it. */
function isWorkshopName(name: string): boolean {
  return /^SONDE_(TEST|BENCH)(_|$)/.test(name) || WORKSHOP_TOOLS.has(name);
}

const WORKSHOP_TOOLS = new Set(['SONDE_CHROMIUM', 'SONDE_PYTHON', 'SONDE_OTHER_NODES']);

function flagName(at: string): string {
  const [first, second] = at.split('.');
  if (first === 'log') return `--log-${second}`;
  if (first === 'tls' && second !== undefined) return `--tls-${second === 'names' ? 'name' : dashed(second)}`;
  return first === 'limits' ? `--limit ${second ?? ''}`.trim() : `--${dashed(first ?? '')}`;
}

function dashed(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function numberOrText(text: string): unknown {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** Validates one layer; the first fault becomes one line that names the key as its layer writes it. */
function check(raw: unknown, nameOf: (at: string) => string): Layer {
  const result = layerSchema.safeParse(raw);
  if (result.success) return result.data;
  throw faultOf(result.error.issues, nameOf);
}

function faultOf(issues: readonly z.core.$ZodIssue[], nameOf: (at: string) => string): OperatorError {
  const issue = mostTelling(issues);
  if (issue === undefined) return new OperatorError('the configuration is not valid', 'Correct it.');
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const full = at === '' ? key : `${at}.${key}`;
    const hint = suggestion(key, knownKeys(issue.path));
    return new OperatorError(`${nameOf(full)} is not known${hint}`, 'Correct its name or remove it.');
  }
  return new OperatorError(`${nameOf(at)}: ${issue.message}`, 'Correct its value or remove it.');
}

/** A misspelled key explains more than what its absence breaks. */
function mostTelling(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  return issues.find((issue) => issue.code === 'unrecognized_keys') ?? issues[0];
}
