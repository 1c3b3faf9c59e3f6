import * as fs from 'node:fs';
import { Command } from 'commander';
import { revokeToken, tokenFileOf } from '../../access/index.ts';
import { OperatorError } from '../../base/index.ts';
import { resolveSettings } from '../../config/index.ts';
import type { CliContext } from '../context.ts';

type Flags = { readonly data?: string; readonly config?: string };

/** `sonde token revoke`: a running server closes the token's connections within a second. */
export function tokenRevokeCommand(context: CliContext): Command {
  return new Command('revoke')
    .description('end a token; a running server closes its connections within a second')
    .argument('<key>', 'the key of the token')
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--config <file>', 'configuration file (YAML)')
    .action(async (key: string, { data, config }: Flags) => {
      const settings = resolveSettings({ flags: { data, config }, env: context.env, cwd: context.cwd });
      if (!fs.existsSync(settings.data)) {
        throw new OperatorError(`there is no data folder ${settings.data}`, 'Give the right one with --data.');
      }
      await revokeToken(tokenFileOf(settings.data), key);
      await context.stdout.write(`revoked ${key}\n`);
    });
}
