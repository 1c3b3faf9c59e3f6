import * as fs from 'node:fs';
import { Command } from 'commander';
import { rotateToken, tokenFileOf } from '../../access/index.ts';
import { OperatorError } from '../../base/index.ts';
import { resolveSettings } from '../../config/index.ts';
import type { CliContext } from '../context.ts';

type Flags = { readonly data?: string; readonly config?: string; readonly secret?: string; readonly json?: true };

/** `sonde token rotate`: another secret for the same token, which keeps its sessions. */
export function tokenRotateCommand(context: CliContext): Command {
  return new Command('rotate')
    .description('give a token another secret, shown this once; its rights and its sessions stay')
    .argument('<key>', 'the key of the token')
    .option('--secret <secret>', 'choose the secret, at least 8 characters')
    .option('--json', 'print JSON')
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--config <file>', 'configuration file (YAML)')
    .action(async (key: string, { data, config, secret: chosen, json }: Flags) => {
      const settings = resolveSettings({ flags: { data, config }, env: context.env, cwd: context.cwd });
      if (!fs.existsSync(settings.data)) {
        throw new OperatorError(`there is no data folder ${settings.data}`, 'Give the right one with --data.');
      }
      const { secret } = await rotateToken(tokenFileOf(settings.data), key, chosen);
      const text = json
        ? JSON.stringify({ key, secret }, null, 2)
        : `key     ${key}\nsecret  ${secret}\nThe secret is not shown again. The old one ends within a second.`;
      await context.stdout.write(`${text}\n`);
    });
}
