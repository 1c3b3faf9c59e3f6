import type { ErrorWithReasonCode, IPublishPacket, MqttClient } from 'mqtt';
import { messageOf, OperatorError, systemCode } from '../base/index.ts';
import type { MqttTarget } from './mqtt-options.ts';
import { scramFor } from './scram.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const SESSION_TAKEN_OVER = 142;
const BAD_METHOD = 140;
/** No reason code of MQTT: what answered cannot know the token. */
const NO_PROOF = 256;

export type ConnectOptions = {
  readonly clean: boolean;
  /** Whether to connect again when the connection is lost later. */
  readonly reconnect: boolean;
  /** Called with each message; acknowledged when it resolves, not when it rejects. */
  readonly onMessage?: (packet: IPublishPacket) => Promise<void>;
};

/**
 * Connects; the first connection must succeed. Rejects with an OperatorError that says why not, or when the signal comes.
 * `over` rejects when the connection ends for good; with `reconnect` only a refusal does.
 */
export async function connectMqtt(
  target: MqttTarget,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<{ readonly client: MqttClient; readonly over: Promise<never> }> {
  const { clean, reconnect, onMessage } = options;
  const { connect } = await import('mqtt');
  const scram = target.scram === null ? null : scramFor(target.scram);
  const client = connect(target.url, {
    ...target.options,
    ...scram?.options,
    clean,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
  });
  scram?.attach(client);
  let fault: unknown = null;
  client.on('error', (error) => {
    fault ??= error;
  });
  client.on('disconnect', (packet) => {
    fault ??= Object.assign(new Error('the server ended the connection'), { code: packet.reasonCode ?? 0 });
  });
  if (onMessage !== undefined) client.handleMessage = acknowledgeAfter(onMessage);
  const closed = new Promise<void>((resolve) => {
    client.once('close', () => resolve());
  });
  const connected = new Promise<'connected'>((resolve) => {
    client.on('connect', (connack) => {
      if (scram === null || scram.isServer(connack)) {
        resolve('connected');
        return;
      }
      client.emit('error', Object.assign(new Error('it did not prove that it knows this token'), { code: NO_PROOF }));
      client.end(true);
    });
  });
  const stop = () => {
    client.end(true);
  };
  signal.addEventListener('abort', stop, { once: true });
  const outcome = await Promise.race([connected, closed]);
  signal.removeEventListener('abort', stop);
  if (outcome !== 'connected') throw whyNot(target, fault, signal);

  client.options.reconnectPeriod = reconnect ? 1000 : 0;
  const over = new Promise<never>((_, reject) => {
    client.on('close', () => {
      if (!reconnect) reject(whyOver(target, fault));
    });
    // A refusal stays one, and whoever took our client id over would be taken over in turn, for ever.
    client.on('error', (error) => {
      if (reasonOf(error) !== null) reject(whyOver(target, error));
    });
    client.on('disconnect', ({ reasonCode }) => {
      if (reasonCode === SESSION_TAKEN_OVER) reject(whyOver(target, fault));
    });
  });
  over.catch(() => {});
  return { client, over };
}

/** Set before the first packet can come: a kept session begins to deliver right behind its CONNACK. */
function acknowledgeAfter(onMessage: (packet: IPublishPacket) => Promise<void>): MqttClient['handleMessage'] {
  return (packet, done) => {
    // MQTT.js goes on after an error given here too, but sends no acknowledgement.
    onMessage(packet).then(
      () => setImmediate(done),
      (error: Error) => setImmediate(done, error),
    );
  };
}

function whyNot(target: MqttTarget, fault: unknown, signal: AbortSignal): OperatorError {
  if (signal.aborted) return new OperatorError('stopped before the connection stood', 'Start it again.');
  const { what, advice } = explain(target, fault);
  return new OperatorError(what, advice, { cause: fault });
}

function whyOver(target: MqttTarget, fault: unknown): OperatorError {
  const text = fault === null ? '' : `: ${messageOf(fault)}`;
  return new OperatorError(`the connection to ${target.shown} was closed${text}`, 'See the log of the server for why.');
}

type Explanation = { readonly what: string; readonly advice: string };

function explain({ shown, options }: MqttTarget, fault: unknown): Explanation {
  const reason = reasonOf(fault);
  if (reason === 4 || reason === 5 || reason === 134 || reason === 135) {
    return options.username === undefined
      ? {
          what: `${shown} wants a user name and a password`,
          advice: 'Give the key and secret of a token with -u and -P.',
        }
      : { what: `${shown} refused this user name or password`, advice: 'Compare them with: sonde token list' };
  }
  if (reason === NO_PROOF) {
    return {
      what: `${shown} did not prove that it knows this token`,
      advice: 'It may be somebody else: check the address, and do not send the password there.',
    };
  }
  if (reason === BAD_METHOD) {
    return { what: `${shown} does not know this kind of SCRAM`, advice: 'Leave --scram out, or choose another.' };
  }
  if (reason === 1 || reason === 132) {
    return { what: `${shown} does not speak this version of MQTT`, advice: 'Choose another with -V.' };
  }
  if (reason === 2 || reason === 133) {
    return { what: `${shown} refused the client id`, advice: 'Choose another with -i.' };
  }
  if (reason !== null) {
    return { what: `${shown} refused the connection: ${messageOf(fault)}`, advice: 'See the log of the server.' };
  }
  const code = systemCodeOf(fault);
  if (code === 'ECONNREFUSED') {
    return {
      what: `nobody listens at ${shown}`,
      advice: 'Start the server (sonde serve), or check the host and port.',
    };
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return { what: `there is no host by the name of ${shown}`, advice: 'Check the host.' };
  }
  if (fault === null) return { what: `${shown} closed the connection`, advice: 'Check that it is an MQTT server.' };
  const text = messageOf(fault) || (code ?? 'unknown fault');
  return { what: `cannot connect to ${shown}: ${text}`, advice: 'Check the host and port.' };
}

/** The reason code of a CONNACK, or null when it was no CONNACK that ended it. */
function reasonOf(fault: unknown): number | null {
  const code = (fault as Partial<ErrorWithReasonCode> | null)?.code;
  return typeof code === 'number' && code > 0 ? code : null;
}

/** With several addresses of one name Node answers a bundle of errors; the first one tells. */
function systemCodeOf(fault: unknown): string | undefined {
  const first = fault instanceof AggregateError ? (fault.errors[0] as unknown) : fault;
  return systemCode(first) ?? systemCode(fault);
}
