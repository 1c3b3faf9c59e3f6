import { resolve } from 'node:path';
import { Command } from 'commander';
import { OperatorError } from '../../base/index.ts';
import type { CliContext } from '../context.ts';

/** `sonde restore`: makes a data folder of a backup. */
export function restoreCommand(context: CliContext): Command {
  return new Command('restore')
    .description('make a data folder of a backup')
    .argument('<backup>', 'folder that sonde backup made')
    .option('--data <dir>', 'the data folder to make: a new or an empty one')
    .action(async (backup: string, { data }: { readonly data?: string }) => {
      if (data === undefined) {
        throw new OperatorError('restore needs --data: the data folder to make', 'See: sonde restore --help');
      }
      const { restoreBackup } = await import('../../backup/index.ts');
      const from = resolve(context.cwd, backup);
      const report = await restoreBackup(from, resolve(context.cwd, data));
      await context.stdout.write(
        `${report.files} files of ${report.at} were checked and restored. Start it with: sonde serve --data ${report.data}\n`,
      );
    });
}
