import { CommanderError } from 'commander';
import { messageOf, OperatorError } from '../base/index.ts';

/** What a failed command prints: one line that says what and what to do; with a stack only for what is our fault. */
export function errorText(error: unknown): string {
  if (error instanceof OperatorError) return `sonde: ${oneLine(error.message)}. ${oneLine(error.advice)}\n`;
  if (error instanceof CommanderError) {
    const what = oneLine(error.message.replace(/^error: /, '')).replace(/\.$/, '');
    return `sonde: ${what}. See: sonde --help\n`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  return `sonde: this is a fault of Sonde, please report it: ${stack}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
