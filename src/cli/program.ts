import { Command, CommanderError } from 'commander';
import { OperatorError } from '../base/index.ts';
import { suggestion } from '../config/index.ts';
import { serveCommand } from './commands/serve.ts';
import type { CliContext } from './context.ts';
import { ExitError, errorText } from './errors.ts';

/**
 * Runs one command line (without node and script) and answers the exit code: 0, or 1 after one line on stderr that says
 * what and what to do. Never throws, never exits.
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  try {
    refuseUnknownCommand(args);
    // Most starts are of the server, which needs none of the others.
    const others = isServe(args) ? [] : (await import('./other-commands.ts')).otherCommands(context);
    await buildProgram(context, others).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // Help and version end commander by a throw too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // With no command commander has printed its help as the error.
    await context.stderr.write(errorText(error));
    return error instanceof ExitError ? error.exitCode : 1;
  }
}

const COMMANDS = ['serve', 'token', 'pub', 'sub', 'simulate', 'backup', 'restore', 'check', 'help'];

/** Commands of the whole plan that this version does not have yet; named, so that nobody takes them for a misspelling. */
const LATER = ['user', 'namespace', 'inspect', 'export', 'gateway', 'bench'];

/** Else `sonde tokn` would be taken for an argument of `serve`. */
function refuseUnknownCommand(args: readonly string[]): void {
  const [word] = args;
  if (word === undefined || word.startsWith('-') || COMMANDS.includes(word)) return;
  if (LATER.includes(word)) throw new OperatorError(`sonde ${word} is not in this version yet`, 'See: sonde --help');
  throw new OperatorError(
    `there is no command ${JSON.stringify(word)}${suggestion(word, COMMANDS)}`,
    'See: sonde --help',
  );
}

/** `sonde`, `sonde serve ...`, `sonde --data ...`: but for help, which tells of all commands. */
function isServe(args: readonly string[]): boolean {
  const [word] = args;
  if (word === undefined || word === 'serve') return true;
  return word.startsWith('-') && !args.includes('--help');
}

function buildProgram(context: CliContext, others: readonly Command[]): Command {
  const program = new Command('sonde')
    .description('One program that is a whole MQTT environment. Without a command it runs the server.')
    .version(context.version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .addCommand(serveCommand(context), { isDefault: true });
  for (const command of others) program.addCommand(command);
  for (const command of allCommands(program)) harden(command, context);
  return program;
}

/** Commander throws instead of exiting, prints through us, keeps -h for hosts, and takes nothing that it does not know. */
function harden(command: Command, context: CliContext): void {
  command
    .exitOverride()
    .helpOption('--help', 'print this help')
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      // The error itself comes to `runCli`.
      writeErr: () => {},
    });
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
