import { networkInterfaces } from 'node:os';
import { Command } from 'commander';
import { createToken, type NewToken, tokenFileOf, tokenUrl } from '../../access/index.ts';
import { ensureDataFolder, resolveSettings, type Settings } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { deviceHosts, ownHost } from '../device-hosts.ts';

type Flags = {
  readonly data?: string;
  readonly config?: string;
  readonly key?: string;
  readonly secret?: string;
  readonly namespace?: string;
  readonly description?: string;
  readonly readOnly?: true;
  readonly json?: true;
};

/** `sonde token create`: also beside a running server, which knows the token at its first use. */
export function tokenCreateCommand(context: CliContext): Command {
  return new Command('create')
    .description('create a token: a key (user name) and a secret (password); the secret is shown this once')
    .option('--key <key>', 'choose the key, at least 8 characters')
    .option('--secret <secret>', 'choose the secret, at least 8 characters')
    .option('--namespace <name>', 'the namespace that it opens (this version has one: default)')
    .option('--read-only', 'may subscribe, not publish')
    .option('--description <text>', 'what it is for')
    .option('--json', 'print JSON')
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--config <file>', 'configuration file (YAML)')
    .action(async ({ data, config, json, readOnly, ...flags }: Flags) => {
      const settings = resolveSettings({ flags: { data, config }, env: context.env, cwd: context.cwd });
      ensureDataFolder(settings.data);
      const wanted: NewToken = { ...flags, permission: readOnly ? 'read-only' : 'full' };
      const { key, secret, token } = await createToken(tokenFileOf(settings.data), wanted);
      const urls = urlsOf({ key, secret }, settings);
      const { namespace, permission, description } = token;
      if (json) {
        const value = { key, secret, url: urls[0], urls, namespace, permission, description };
        await context.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
        return;
      }
      const lines = [
        `key     ${key}`,
        `secret  ${secret}`,
        ...urls.map((url) => `url     ${url}`),
        `The secret is not shown again. The token is in ${tokenFileOf(settings.data)}.`,
      ];
      await context.stdout.write(`${lines.join('\n')}\n`);
    });
}

/** One URL for each way to the first MQTT listener: from other machines first. */
function urlsOf(token: { readonly key: string; readonly secret: string }, settings: Settings): readonly string[] {
  const listener = settings.mqtt[0];
  if (listener === undefined) return [];
  const hosts = new Set([...deviceHosts(listener.host, networkInterfaces()), ownHost(listener.host) ?? []].flat());
  return [...hosts].map((host) => tokenUrl(token, host, listener.port));
}
