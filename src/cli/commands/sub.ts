import { Command, Option } from 'commander';
import type { IPublishPacket, MqttClient } from 'mqtt';
import { OperatorError } from '../../base/index.ts';
import { topicFilterFault } from '../../topics/index.ts';
import { collect, qos, secondsAsMs, wholeNumber } from '../arguments.ts';
import type { CliContext, Output } from '../context.ts';
import { ExitError } from '../errors.ts';
import { connectMqtt } from '../mqtt-connect.ts';
import { addMqttOptions, type MqttFlags, mqttTarget } from '../mqtt-options.ts';
import { printablePayload, printableText } from '../printable.ts';

/** mosquitto_sub's exit code for a timeout, so that scripts can tell. */
const SILENCE = 27;

type Flags = MqttFlags & {
  readonly topic: readonly string[];
  readonly qos: 0 | 1 | 2;
  readonly count?: number;
  readonly verbose?: true;
  readonly raw?: true;
  readonly disableCleanSession?: true;
  readonly timeout?: number;
};

/** `sonde sub`: prints what arrives, one line a message, until -C messages, -W seconds or Ctrl-C. */
export function subCommand(context: CliContext): Command {
  const command = new Command('sub').description('subscribe, and print what arrives: one line a message');
  return addMqttOptions(command)
    .requiredOption('-t, --topic <filter>', 'topic filter, may be repeated', collect)
    .option('-q, --qos <qos>', 'quality of service', qos, 0)
    .option('-C, --count <messages>', 'end after so many messages', wholeNumber(1, 1_000_000_000))
    .addOption(new Option('-n <messages>', 'the same as -C').argParser(wholeNumber(1, 1_000_000_000)).hideHelp())
    .option('-W, --timeout <seconds>', 'end after so many seconds; exit code 27 if -C is not reached', secondsAsMs)
    .option('-v, --verbose', 'print the topic before each payload')
    .option('-c, --disable-clean-session', 'let the server keep the session (needs -i)')
    .option('--raw', 'print payloads byte for byte, without line ends')
    .action(async ({ n, ...given }: Flags & { readonly n?: number }) => {
      const flags: Flags = n === undefined ? given : { count: n, ...given };
      check(flags);
      const target = mqttTarget(flags, 'sub');
      const clean = flags.disableCleanSession !== true;
      const printer = createPrinter(flags, context.stdout);
      const options = { reconnect: true, clean, onMessage: printer.onMessage };
      const { client, over } = await connectMqtt(target, options, context.signal);
      client.on('reconnect', () => void context.stderr.write(`sonde: ${target.shown} is gone, connecting again\n`));
      const ended = ending(flags, context.signal);
      try {
        await Promise.race([subscribe(client, flags), over, ended.promise]);
        const how = await Promise.race([printer.finished, over, ended.promise]);
        if (how === 'timeout' && flags.count !== undefined) {
          throw new ExitError(
            SILENCE,
            `fewer than ${flags.count} messages came in time`,
            'Raise -W, or check the topic.',
          );
        }
      } finally {
        ended.stop();
        await Promise.race([client.endAsync(), over.catch(() => client.end(true))]);
      }
    });
}

function check(flags: Flags): void {
  for (const filter of flags.topic) {
    const fault = topicFilterFault(filter);
    if (fault !== null) throw new OperatorError(fault, 'Correct the filter after -t.');
  }
  if (flags.disableCleanSession && flags.id === undefined) {
    throw new OperatorError('-c is given without -i', 'Give the client id of the session that is to be kept.');
  }
}

async function subscribe(client: MqttClient, { topic, qos }: Flags): Promise<void> {
  let granted: { topic: string; qos: number }[];
  try {
    granted = await client.subscribeAsync([...topic], { qos });
  } catch {
    granted = topic.map((filter) => ({ topic: filter, qos: 128 }));
  }
  const refused = granted.filter((grant) => grant.qos >= 128).map((grant) => JSON.stringify(grant.topic));
  if (refused.length === 0) return;
  throw new OperatorError(`the server refused to subscribe to ${refused.join(', ')}`, 'Check its topic rules.');
}

/** Prints at the pace of who reads. Messages after the last one that is wanted are not taken, so not acknowledged. */
function createPrinter(flags: Flags, output: Output) {
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let finish: (how: 'counted') => void = () => {};
  const finished = new Promise<'counted'>((resolve) => {
    finish = resolve;
  });
  const onMessage = async (packet: IPublishPacket): Promise<void> => {
    if (left <= 0) throw new Error('not wanted any more');
    left -= 1;
    const isLast = left <= 0;
    await output.write(shown(packet, flags));
    if (isLast) finish('counted');
  };
  return { onMessage, finished };
}

function shown({ topic, payload }: IPublishPacket, { verbose, raw }: Flags): string | Uint8Array {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  if (raw) return bytes;
  return `${verbose ? `${printableText(topic)} ` : ''}${printablePayload(bytes)}\n`;
}

function ending({ timeout }: Flags, signal: AbortSignal) {
  let stop = () => {};
  const promise = new Promise<'timeout' | 'signal'>((resolve) => {
    const timer = timeout === undefined ? undefined : setTimeout(() => resolve('timeout'), timeout);
    const onSignal = () => resolve('signal');
    signal.addEventListener('abort', onSignal);
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onSignal);
    };
  });
  return { promise, stop: () => stop() };
}
