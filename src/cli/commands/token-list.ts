import { Command } from 'commander';
import { listTokens, tokenFileOf } from '../../access/index.ts';
import { resolveSettings } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { printableText } from '../printable.ts';

type Flags = { readonly data?: string; readonly config?: string; readonly json?: true };

/** `sonde token list`: never shows secrets, which nobody knows any more. */
export function tokenListCommand(context: CliContext): Command {
  return new Command('list')
    .description('list the tokens, without their secrets')
    .option('--json', 'print JSON')
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--config <file>', 'configuration file (YAML)')
    .action(async ({ data, config, json }: Flags) => {
      const settings = resolveSettings({ flags: { data, config }, env: context.env, cwd: context.cwd });
      const tokens = listTokens(tokenFileOf(settings.data)).map(
        ({ key, permission, namespace, createdAt, description }) => ({
          key,
          permission,
          namespace,
          createdAt,
          description,
        }),
      );
      if (json) {
        await context.stdout.write(`${JSON.stringify(tokens, null, 2)}\n`);
        return;
      }
      if (tokens.length === 0) {
        await context.stdout.write(`no tokens in ${settings.data}; make one with: sonde token create\n`);
        return;
      }
      const rows = [
        ['KEY', 'PERMISSION', 'NAMESPACE', 'CREATED', 'DESCRIPTION'],
        ...tokens.map((token) => Object.values(token).map(printableText)),
      ];
      await context.stdout.write(`${table(rows)}\n`);
    });
}

/** Columns as wide as their widest cell; the last one is not padded. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))))
    .map((row) => row.join('  ').trimEnd())
    .join('\n');
}
