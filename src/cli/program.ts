import { Command, CommanderError } from 'commander';
import { OperatorError } from '../base/index.ts';
import { suggestion } from '../config/index.ts';
import { backupCommand } from './commands/backup.ts';
import { checkCommand } from './commands/check.ts';
import { pubCommand } from './commands/pub.ts';
import { restoreCommand } from './commands/restore.ts';
import { serveCommand } from './commands/serve.ts';
import { simulateCommand } from './commands/simulate.ts';
import { SilenceError, subCommand } from './commands/sub.ts';
import { tokenCreateCommand } from './commands/token-create.ts';
import { tokenListCommand } from './commands/token-list.ts';
import { tokenRevokeCommand } from './commands/token-revoke.ts';
import { tokenRotateCommand } from './commands/token-rotate.ts';
import type { CliContext } from './context.ts';
import { ExitError, errorText } from './errors.ts';

/**
 * Runs one command line (without node and script) and answers the exit code: 0, or 1 after one line on stderr that says
 * what and what to do. Never throws, never exits.
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  try {
    refuseUnknownCommand(args);
    await buildProgram(context).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // Help and version end commander by a throw too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // With no command commander has printed its help as the error.
    await context.stderr.write(errorText(error));
    return error instanceof SilenceError || error instanceof ExitError ? error.exitCode : 1;
  }
}

const TOKEN_COMMANDS = ['create', 'list', 'rotate', 'revoke'];
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

function buildProgram(context: CliContext): Command {
  const program = new Command('sonde')
    .description('One program that is a whole MQTT environment. Without a command it runs the server.')
    .version(context.version, '--version', 'print the version')
    .helpOption('--help', 'print this help');
  const token = new Command('token').description('create, list, rotate and revoke tokens: what devices sign in with');
  // Without an action commander would print help and call that an error.
  token.argument('[command]').action((word: string | undefined) => {
    const hint = word === undefined ? '' : `, not ${JSON.stringify(word)}${suggestion(word, TOKEN_COMMANDS)}`;
    throw new OperatorError(`token needs one of ${TOKEN_COMMANDS.join(', ')}${hint}`, 'See: sonde token --help');
  });
  for (const command of [tokenCreateCommand, tokenListCommand, tokenRotateCommand, tokenRevokeCommand]) {
    token.addCommand(command(context));
  }

  program.addCommand(serveCommand(context), { isDefault: true }).addCommand(token);
  for (const command of [pubCommand, subCommand, simulateCommand, backupCommand, restoreCommand, checkCommand])
    program.addCommand(command(context));
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
