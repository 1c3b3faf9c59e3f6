import { resolve } from 'node:path';
import { Command } from 'commander';
import type { BackupReport } from '../../backup/index.ts';
import { OperatorError, silentLogger, systemClock } from '../../base/index.ts';
import { DataFolderInUse, resolveSettings, type Settings } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { ownHost, urlHost } from '../device-hosts.ts';
import { postJson } from '../post-json.ts';

type Flags = { readonly data?: string; readonly config?: string; readonly url?: string; readonly json?: true };

/** `sonde backup`: by the Sonde that runs on the data folder, and by itself when none does. */
export function backupCommand(context: CliContext): Command {
  return new Command('backup')
    .description('copy all data into a new folder, while Sonde runs or when it does not')
    .argument('<dir>', 'a new or an empty folder')
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--config <file>', 'configuration file (YAML)')
    .option('--url <url>', "the running Sonde's HTTP address, on this machine: http://KEY:SECRET@localhost:8080")
    .option('--json', 'print JSON')
    .action(async (dir: string, { data, config, url, json }: Flags) => {
      const folder = resolve(context.cwd, dir);
      const settings = resolveSettings({ flags: { data, config }, env: context.env, cwd: context.cwd });
      const report =
        url === undefined ? await ofFolder(settings, folder, context) : await ask(url, { folder }, context);
      await context.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : text(report));
    });
}

async function ofFolder(settings: Settings, folder: string, context: CliContext): Promise<BackupReport> {
  const { data } = settings;
  const { version, signal: stop } = context;
  // Brings the databases' libraries along, which no other command waits for.
  const { backupAtRest } = await import('../../backup/index.ts');
  try {
    return await backupAtRest({ data, version, clock: systemClock(), logger: silentLogger, stop }, folder);
  } catch (error) {
    if (!(error instanceof DataFolderInUse)) throw error;
  }
  const hosts = settings.http.map(({ host, port }) => ({ host: ownHost(host), port }));
  const first = hosts.find(({ host }) => host !== null);
  if (first === undefined || first.host === null) {
    throw new OperatorError(
      `a Sonde runs on ${data}, and its HTTP address on this machine is not known`,
      'Say it with --url http://localhost:PORT',
    );
  }
  return ask(`http://${urlHost(first.host)}:${first.port}`, { folder, data }, context);
}

type Asked = { readonly folder: string; readonly data?: string };

async function ask(url: string, body: Asked, { signal }: CliContext): Promise<BackupReport> {
  return (await postJson(url, '/api/v1/backup', body, signal)) as BackupReport;
}

function text({ folder, files, bytes, storeBytes, historyBytes, ms }: BackupReport): string {
  const rows = [
    ['store', size(storeBytes)],
    ['history', size(historyBytes)],
    ['in all', `${size(bytes)} in ${files} files, ${(ms / 1000).toFixed(1)} s`],
    ['folder', folder],
  ];
  return `${rows.map(([name = '', value = '']) => `${name.padEnd(8)} ${value}`).join('\n')}\n`;
}

function size(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
