import { Command } from 'commander';
import { resolveSettings, type ServeFlags } from '../../config/index.ts';
import { collect } from '../arguments.ts';
import type { CliContext } from '../context.ts';

/** `sonde serve`, which is also `sonde` alone. */
export function serveCommand(context: CliContext): Command {
  return new Command('serve')
    .description('run the server (what sonde does without a command)')
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--mqtt <address>', '[HOST:]PORT for MQTT, may be repeated (default 1883)', collect)
    .option('--http <address>', '[HOST:]PORT for web app, REST and WebSocket, may be repeated (default 8080)', collect)
    .option('--mqtts <address>', '[HOST:]PORT for MQTT over TLS (not in this version)', collect)
    .option('--https <address>', '[HOST:]PORT for HTTPS (not in this version)', collect)
    .option('--config <file>', 'configuration file (YAML)')
    .option('--anonymous <who>', 'who needs no token: none, local (this machine) or all (default local)')
    .option('--durability <mode>', 'sync or async (default sync)')
    .option('--history <engine>', 'duckdb or off (default duckdb)')
    .option('--limit <name=value>', "one of the configuration file's limits, may be repeated", collect)
    .option('--log-level <level>', 'debug, info, warn or error (default info)')
    .option('--log-format <format>', 'pretty or json (default pretty)')
    .action(async (flags: ServeFlags) => {
      const settings = resolveSettings({ flags, env: context.env, cwd: context.cwd });
      await context.serve(settings, context.signal);
    });
}
