import { randomInt } from 'node:crypto';
import { Command } from 'commander';
import { OperatorError } from '../../base/index.ts';
import { suggestion } from '../../config/index.ts';
import { DEVICES, type DeviceEvent, type DeviceKind, mqttLinks, runDevice } from '../../simulator/index.ts';
import { secondsAsMs, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { addServerOptions, type MqttFlags, mqttTarget } from '../mqtt-options.ts';
import { printableText } from '../printable.ts';

type Flags = MqttFlags & {
  readonly period?: number;
  readonly count?: number;
  readonly duration?: number;
  readonly seed?: number;
  readonly quiet?: true;
};

const DEFAULT_PERIOD_MS = 1000;

/** `sonde simulate`: devices without hardware, until Ctrl-C, --count or --duration. */
export function simulateCommand(context: CliContext): Command {
  const kinds = [...DEVICES.values()].map(({ name, description }) => `\n  ${name}: ${description}`).join('');
  const command = new Command('simulate').description(`run simulated devices:${kinds}`);
  return addServerOptions(command)
    .argument('[devices...]', 'which devices (default: one of each)')
    .option('--period <seconds>', 'time between two samples (default: 1)', secondsAsMs)
    .option('--count <samples>', 'end each device after so many samples', wholeNumber(1, 1_000_000_000))
    .option('--duration <seconds>', 'end after so many seconds', secondsAsMs)
    .option('--seed <number>', 'the same seed gives the same device and values', wholeNumber(0, 0xffff_ffff))
    .option('--quiet', 'print only what goes wrong, and the sums')
    .action(async (names: readonly string[], flags: Flags) => {
      const kindsToRun = names.length === 0 ? [...DEVICES.values()] : names.map(kindOf);
      const target = mqttTarget(flags, 'simulate');
      const { username, password } = target.options;
      const open = mqttLinks({ url: target.url, username, password: password?.toString() });
      const timeUp = new AbortController();
      const timer = flags.duration === undefined ? undefined : setTimeout(() => timeUp.abort(), flags.duration);
      const signal = AbortSignal.any([context.signal, timeUp.signal]);
      // Without a seed each run is another device, as another board would be.
      const seed = flags.seed ?? randomInt(0x1_0000_0000);

      const tell = (event: DeviceEvent): void => {
        const text = eventText(event, target.shown);
        if (event.kind === 'lost') void context.stderr.write(text);
        else if (!flags.quiet) void context.stdout.write(text);
      };
      const runs = kindsToRun.map(async (kind, at) => {
        const model = kind.create((seed + at) >>> 0);
        const options = {
          open,
          periodMs: flags.period ?? DEFAULT_PERIOD_MS,
          count: flags.count ?? null,
          signal,
          onEvent: tell,
        };
        return { model, summary: await runDevice(model, options) };
      });
      const ended = await Promise.all(runs);
      clearTimeout(timer);

      for (const { model, summary } of ended) {
        const left = summary.pending === 0 ? '' : `, ${summary.pending} not delivered`;
        await context.stdout.write(`${model.clientId}: ${summary.samples} samples${left}\n`);
      }
      if (ended.every(({ summary }) => summary.connections === 0)) {
        throw new OperatorError(`no device could connect to ${target.shown}`, 'Start the server: sonde serve');
      }
    });
}

function kindOf(name: string): DeviceKind {
  const kind = DEVICES.get(name);
  if (kind !== undefined) return kind;
  const known = [...DEVICES.keys()];
  throw new OperatorError(
    `there is no device ${JSON.stringify(name)}${suggestion(name, known)}`,
    `There are: ${known.join(', ')}.`,
  );
}

function eventText(event: DeviceEvent, shown: string): string {
  if (event.kind === 'connected') return `${event.clientId}: connected to ${shown}\n`;
  if (event.kind === 'lost') return `${event.clientId}: ${printableText(event.why)}; trying again\n`;
  return `${event.clientId}: ${event.message.topic} ${printableText(event.message.payload)}\n`;
}
