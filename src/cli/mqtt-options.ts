import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { IClientOptions } from 'mqtt';
import { SCRAM_SHA_256, type ScramMechanism } from '../access/index.ts';
import { OperatorError } from '../base/index.ts';
import { mechanism, protocolVersion, wholeNumber } from './arguments.ts';
import type { ScramSignIn } from './scram.ts';

/** What `pub` and `sub` say about the server and who they are, in mosquitto's letters. */
export type MqttFlags = {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly pw?: string;
  readonly id?: string;
  readonly keepalive?: number;
  readonly protocolVersion?: 3 | 4 | 5;
  /** A mechanism, or true for the first one. */
  readonly scram?: ScramMechanism | true;
};

/** Where to connect, without credentials in it, and how. */
export type MqttTarget = {
  readonly url: string;
  /** `host:port`, for people. */
  readonly shown: string;
  /** Null: by password, or as nobody. */
  readonly scram: ScramSignIn | null;
  readonly options: IClientOptions & { readonly clientId: string; readonly protocolVersion: 3 | 4 | 5 };
};

/** The options that pub and sub share. */
export function addMqttOptions(command: Command): Command {
  return addServerOptions(command)
    .option('-i, --id <client-id>', 'client id (default: a new one)')
    .option('-k, --keepalive <seconds>', 'keep-alive', wholeNumber(0, 65_535))
    .option('-V, --protocol-version <version>', 'MQTT version: 31, 311 or 5 (default 311)', protocolVersion)
    .option(
      '--scram [mechanism]',
      'prove the password without sending it: SCRAM-SHA-256 or SCRAM-SHA-512 (MQTT 5)',
      mechanism,
    );
}

/** Where the server is, and who we are. */
export function addServerOptions(command: Command): Command {
  return command
    .option('--url <url>', 'all in one: mqtt://key:secret@host:1883, or ws://key:secret@host:8080/mqtt')
    .option('-h, --host <host>', 'host of the server (default localhost)')
    .option('-p, --port <port>', 'port of the server (default 1883)', wholeNumber(1, 65_535))
    .option('-u, --username <name>', "user name: a token's key")
    .option('-P, --pw <password>', "password: a token's secret");
}

/** Reads the flags; throws an OperatorError for those that contradict each other. */
export function mqttTarget(flags: MqttFlags, purpose: string): MqttTarget {
  const place = flags.url === undefined ? placeOfFlags(flags) : placeOfUrl(flags.url, flags);
  if (place.password !== undefined && place.username === undefined) {
    throw new OperatorError('-P is given without -u', 'Give the key of the token with -u.');
  }
  const scram = scramOf(flags, place);
  const version = flags.protocolVersion ?? (scram === null ? 4 : 5);
  return {
    url: place.url,
    shown: place.shown,
    scram,
    options: {
      // 3.1 allows 23 characters at most.
      clientId: flags.id ?? `sonde-${purpose}-${randomBytes(5).toString('hex')}`,
      protocolVersion: version,
      ...(version === 3 ? { protocolId: 'MQIsdp' as const } : {}),
      keepalive: flags.keepalive ?? 60,
      ...(place.username === undefined ? {} : { username: place.username }),
      ...(place.password === undefined || scram !== null ? {} : { password: place.password }),
    },
  };
}

function scramOf({ scram, protocolVersion }: MqttFlags, { username, password }: Place): ScramSignIn | null {
  if (scram === undefined) return null;
  if (username === undefined || password === undefined) {
    throw new OperatorError('--scram is given without -u and -P', 'Give the key and secret of a token.');
  }
  if (protocolVersion !== undefined && protocolVersion !== 5) {
    throw new OperatorError('--scram needs MQTT 5', 'Leave -V out, or give -V 5.');
  }
  return { mechanism: scram === true ? SCRAM_SHA_256 : scram, key: username, secret: password };
}

type Place = {
  readonly url: string;
  readonly shown: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
};

function placeOfFlags(flags: MqttFlags): Place {
  const host = flags.host ?? 'localhost';
  const shown = `${host.includes(':') ? `[${host}]` : host}:${flags.port ?? 1883}`;
  if (!URL.canParse(`http://${shown}`) || /[/?#@]/.test(host)) {
    throw new OperatorError(`${JSON.stringify(host)} is not a host`, 'Give a name or an address with -h.');
  }
  return { url: `mqtt://${shown}`, shown, username: flags.username, password: flags.pw };
}

const DEFAULT_PORTS = new Map([
  ['mqtt:', 1883],
  ['tcp:', 1883],
  ['mqtts:', 8883],
  ['ws:', 80],
  ['wss:', 443],
]);

function placeOfUrl(text: string, flags: MqttFlags): Place {
  const clash = (['host', 'port', 'username', 'pw'] as const).find((name) => flags[name] !== undefined);
  if (clash !== undefined) {
    throw new OperatorError(`--url and --${clash} are both given`, 'Give one of them.');
  }
  const advice = 'Example: mqtt://key:secret@192.168.1.20:1883';
  // Never shown: it holds the secret.
  if (!URL.canParse(text)) throw new OperatorError('what --url gives is not a URL', advice);
  const url = new URL(text);
  const defaultPort = DEFAULT_PORTS.get(url.protocol);
  if (defaultPort === undefined || url.hostname === '') {
    throw new OperatorError(`--url with ${url.protocol} is not known`, advice);
  }
  const shown = `${url.hostname}:${url.port || defaultPort}`;
  const overWeb = url.protocol === 'ws:' || url.protocol === 'wss:';
  const path = overWeb ? (url.pathname === '/' ? '/mqtt' : url.pathname) : '';
  return {
    url: `${url.protocol}//${shown}${path}`,
    shown,
    username: url.username === '' ? undefined : decoded(url.username),
    password: url.password === '' ? undefined : decoded(url.password),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
