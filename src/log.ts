import pino from 'pino';
import type { Logger } from './base/index.ts';
import type { Settings } from './config/index.ts';

/** The program's log on stderr: JSON lines for machines, or one short line each for people. */
export function createLog({ level, format }: Settings['log']): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (format === 'json') return pino(options, pino.destination({ dest: 2, sync: true }));
  return pino(options, { write: (line: string) => void process.stderr.write(prettyLine(line)) });
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
