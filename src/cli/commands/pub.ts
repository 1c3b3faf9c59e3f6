import * as fs from 'node:fs';
import { Command } from 'commander';
import { messageOf, OperatorError } from '../../base/index.ts';
import { topicNameFault } from '../../topics/index.ts';
import { qos } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { connectMqtt } from '../mqtt-connect.ts';
import { addMqttOptions, type MqttFlags, mqttTarget } from '../mqtt-options.ts';
import { linesOf } from '../stdin-lines.ts';

type Flags = MqttFlags & {
  readonly topic: string;
  readonly message?: string;
  readonly file?: string;
  readonly stdinLine?: true;
  readonly stdinFile?: true;
  readonly nullMessage?: true;
  readonly qos: 0 | 1 | 2;
  readonly retain?: true;
};

/** Messages under way at once when there are many: enough to keep the line busy. */
const WINDOW = 64;

/** `sonde pub`: ends when every message was acknowledged (QoS 0: handed to the system). */
export function pubCommand(context: CliContext): Command {
  const command = new Command('pub').description('publish a message, or the lines of the standard input');
  return addMqttOptions(command)
    .requiredOption('-t, --topic <topic>', 'topic to publish to')
    .option('-m, --message <text>', 'what to publish')
    .option('-f, --file <path>', 'publish the content of a file')
    .option('-l, --stdin-line', 'publish each line of the standard input')
    .option('-s, --stdin-file', 'publish all of the standard input as one message')
    .option('-n, --null-message', 'publish an empty message (with -r: removes the retained one)')
    .option('-q, --qos <qos>', 'quality of service', qos, 0)
    .option('-r, --retain', 'let the server keep it as the last value')
    .action(async (flags: Flags) => {
      const fault = topicNameFault(flags.topic);
      if (fault !== null) throw new OperatorError(fault, 'Give a topic name with -t.');
      const source = sourceOf(flags);
      const target = mqttTarget(flags, 'pub');
      const { client, over } = await connectMqtt(target, { reconnect: false, clean: true }, context.signal);
      const send = async (payload: Uint8Array) => {
        const options = { qos: flags.qos, retain: flags.retain === true };
        await Promise.race([client.publishAsync(flags.topic, Buffer.from(payload), options), over]);
      };
      try {
        await sendAll(source(context), send, context.signal);
        await Promise.race([client.endAsync(), over.catch(() => {})]);
      } catch (error) {
        client.end(true);
        if (error instanceof OperatorError) throw error;
        throw new OperatorError(`${target.shown} refused the message: ${messageOf(error)}`, 'Check its topic rules.');
      }
    });
}

type Source = (context: CliContext) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Where the messages come from; exactly one way may be given. */
function sourceOf(flags: Flags): Source {
  const ways: readonly (readonly [given: boolean, source: Source])[] = [
    [flags.message !== undefined, () => [Buffer.from(flags.message ?? '')]],
    [flags.file !== undefined, () => [contentOf(flags.file ?? '')]],
    [flags.stdinLine === true, ({ stdin }) => linesOf(stdin)],
    [flags.stdinFile === true, ({ stdin }) => wholeOf(stdin)],
    [flags.nullMessage === true, () => [new Uint8Array()]],
  ];
  const given = ways.filter(([isGiven]) => isGiven);
  const [way] = given;
  if (way === undefined || given.length > 1) {
    throw new OperatorError('exactly one of -m, -f, -l, -s, -n is needed', 'Example: sonde pub -t a/b -m 22.25');
  }
  return way[1];
}

function contentOf(path: string): Uint8Array {
  try {
    return fs.readFileSync(path);
  } catch (error) {
    throw new OperatorError(`cannot read ${path}: ${messageOf(error)}`, 'Check the path after -f.');
  }
}

async function* wholeOf(input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk);
  yield Buffer.concat(chunks);
}

async function sendAll(
  payloads: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  send: (payload: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for await (const payload of payloads) {
    if (signal.aborted) break;
    const sent = send(payload).finally(() => underWay.delete(sent));
    // Its fault is seen below; until then it must not count as unhandled.
    sent.catch(() => {});
    underWay.add(sent);
    if (underWay.size >= WINDOW) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}
