import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';

/** What a device's own fault looks like from here, and what its owner can do. */
export const HINTS = {
  shortConnect:
    'its CONNECT is longer than 127 bytes and the client wrote the length into one byte: old copies of umqtt and the pycom library ' +
    'cannot do that. It was taken all the same; beyond 255 bytes it cannot be. Shorten user name, password or client id, or use a newer library',
  shortSubscribe:
    'its SUBSCRIBE is longer than 127 bytes and the client wrote the length into one byte: old copies of umqtt and the pycom library ' +
    'cannot do that. It was taken all the same, but only the first 255 times: use a filter of at most 122 bytes, or a newer library',
  identifierZero:
    'it sent packet identifier 0: umqtt counts on after 65,535 messages and then waits for ever for a PUBACK that it does not recognise. ' +
    'The message was taken. Connect anew from time to time (a restart each 12 hours does it), or publish at QoS 0',
  neverPinged:
    'it never sent a PINGREQ: with umqtt the program itself has to call ping() more often than the keep-alive, or to set keepalive=0',
} as const;
export type Hint = keyof typeof HINTS;

/** Said of a CONNECT whose fields do not fit the length that it wrote into one byte. */
export const TOO_LONG_FOR_ONE_BYTE =
  'the client wrote the length into one byte, as old copies of umqtt and the pycom library do, and needs more than 255: shorten user name, password, client id or will, or use a newer library';

/** A device that comes back every two seconds is not told about each time. */
const TELL_AGAIN_MS = 3_600_000;
/** Devices and hints that are remembered as told; beyond that all are forgotten. */
const MAX_TOLD = 1000;

/** Says once an hour for a client id that the device's own fault shows, and what to do about it. */
export function tellHint(core: BrokerCore, connection: Connection, hint: Hint, client = connection.name): void {
  const key = `${hint} ${connection.client?.world.number ?? ''} ${client}`;
  const now = core.clock.monotonicMs();
  const toldAtMs = core.hintsTold.get(key);
  if (toldAtMs !== undefined && now - toldAtMs < TELL_AGAIN_MS) return;
  if (core.hintsTold.size >= MAX_TOLD) core.hintsTold.clear();
  core.hintsTold.set(key, now);
  const { address } = connection.wire.remote;
  core.logger.warn({ client, address, hint }, `a fault of the device: ${HINTS[hint]}`);
}

/** What a first packet is that is no CONNECT, where it is something that people often send here by mistake; else ''. */
export function mistakenFor(firstByte: number, size: number): string {
  if (firstByte === TLS_HANDSHAKE) {
    return ': it looks like TLS, and this port speaks without it; use a TLS port (--mqtts), or switch TLS off in the device';
  }
  // The second letter of an HTTP method reads as the remaining length.
  const method = String.fromCharCode(firstByte, size - 2);
  if (!HTTP_METHODS.has(method)) return '';
  return ': it looks like HTTP, and this port speaks MQTT; the web app, REST and MQTT over WebSocket are on the HTTP port (--http)';
}

const TLS_HANDSHAKE = 0x16;
const HTTP_METHODS: ReadonlySet<string> = new Set(['GE', 'PO', 'PU', 'HE', 'OP', 'DE']);
