import { CommanderError } from 'commander';
import { messageOf, OperatorError } from '../base/index.ts';

/** A refusal with an exit code of its own. */
export class ExitError extends OperatorError {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, advice: string) {
    super(message, advice);
    this.exitCode = exitCode;
  }
}

/** What a failed command prints: one line that says what and what to do; with a stack only for what is our fault. */
export function errorText(error: unknown): string {
  if (error instanceof OperatorError)
    return `sonde: ${sentence(error.message)} ${sentence(capitalized(error.advice))}\n`;
  if (error instanceof CommanderError) {
    return `sonde: ${sentence(error.message.replace(/^error: /, ''))} See: sonde --help\n`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  return `sonde: this is a fault of Sonde, please report it: ${stack}\n`;
}

/** With a full stop, unless it ends in a command to copy. */
function sentence(text: string): string {
  const line = oneLine(text);
  return /[.!?]$|: (sonde|npm|mqtt)\b[^.]*$/.test(line) ? line : `${line}.`;
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
