import pino from 'pino';
import type { Logger } from './base/index.ts';
import type { Settings } from './config/index.ts';

/** The program's log on stderr: JSON lines for machines, or one short line each for people. */
export function createLog({ level, format }: Settings['log']): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, hooks: { logMethod: shortened } };
  if (format === 'json') return pino(options, pino.destination({ dest: 2, sync: true }));
  return pino(options, { write: (line: string) => void process.stderr.write(prettyLine(line)) });
}

/** Client ids and topics may be 64 KiB: a line that names one stays short. */
const MAX_TEXT = 500;

function shortened(this: pino.Logger, args: unknown[], method: pino.LogFn): void {
  const [fields, text] = args;
  const short = Object.entries(fields as Record<string, unknown>).map(([name, value]) => [
    name,
    name === 'stack' ? value : shorten(value),
  ]);
  method.call(this, Object.fromEntries(short), shorten(text) as string);
}

function shorten(value: unknown): unknown {
  return typeof value === 'string' && value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
}

const NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** `12:01:05 warn  the text  client=esp-1 address=10.0.0.7` */
function prettyLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const details = Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? quoteIfNeeded(value) : JSON.stringify(value)}`)
    .join(' ');
  const clock = String(time).slice(11, 19);
  return `${clock} ${(NAMES[Number(level)] ?? String(level)).padEnd(5)} ${String(msg)}${details ? `  ${details}` : ''}\n`;
}

/** Text of others may hold anything: what is not plain is written as JSON, so that a line stays one line. */
function quoteIfNeeded(value: string): string {
  return /^[\w.:@/+-]+$/.test(value) ? value : JSON.stringify(value);
}
