import { Command } from 'commander';
import { OperatorError } from '../base/index.ts';
import { suggestion } from '../config/index.ts';
import { backupCommand } from './commands/backup.ts';
import { checkCommand } from './commands/check.ts';
import { pubCommand } from './commands/pub.ts';
import { restoreCommand } from './commands/restore.ts';
import { simulateCommand } from './commands/simulate.ts';
import { subCommand } from './commands/sub.ts';
import { tokenCreateCommand } from './commands/token-create.ts';
import { tokenListCommand } from './commands/token-list.ts';
import { tokenRevokeCommand } from './commands/token-revoke.ts';
import { tokenRotateCommand } from './commands/token-rotate.ts';
import type { CliContext } from './context.ts';

const TOKEN_COMMANDS = ['create', 'list', 'rotate', 'revoke'];

/** All commands but `serve`, in the order of the help. */
export function otherCommands(context: CliContext): readonly Command[] {
  const token = new Command('token').description('create, list, rotate and revoke tokens: what devices sign in with');
  // Without an action commander would print help and call that an error.
  token.argument('[command]').action((word: string | undefined) => {
    const hint = word === undefined ? '' : `, not ${JSON.stringify(word)}${suggestion(word, TOKEN_COMMANDS)}`;
    throw new OperatorError(`token needs one of ${TOKEN_COMMANDS.join(', ')}${hint}`, 'See: sonde token --help');
  });
  for (const command of [tokenCreateCommand, tokenListCommand, tokenRotateCommand, tokenRevokeCommand]) {
    token.addCommand(command(context));
  }
  const rest = [pubCommand, subCommand, simulateCommand, backupCommand, restoreCommand, checkCommand];
  return [token, ...rest.map((command) => command(context))];
}
