import { Command } from 'commander';
import { resolveSettings, type ServeFlags } from '../../config/index.ts';
import { collect } from '../arguments.ts';
import type { CliContext } from '../context.ts';

/** `sonde serve`, which is also `sonde` alone. */
export function serveCommand(context: CliContext): Command {
  return new Command('serve')
    .description('run the server (what sonde does without a command)')
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--mqtt <address>', '[HOST:]PORT for MQTT, may be repeated, or off (default 1883)', collect)
    .option('--http <address>', '[HOST:]PORT for web app, REST and WebSocket, or off (default 8080)', collect)
    .option('--mqtts <address>', '[HOST:]PORT for MQTT over TLS, may be repeated (usual: 8883)', collect)
    .option('--https <address>', '[HOST:]PORT for HTTPS and secure WebSocket, may be repeated (usual: 8443)', collect)
    .option('--unix <path>', 'Unix domain socket for MQTT, may be repeated', collect)
    .option('--tls-cert <file>', 'certificate with its chain, PEM, may be repeated (default: of a local CA)', collect)
    .option('--tls-key <file>', 'its private key, PEM, one for each --tls-cert', collect)
    .option('--tls-name <name>', 'one more name of this machine for the local certificate, may be repeated', collect)
    .option('--tls-client-certificates <mode>', 'none, optional or require (default none)')
    .option('--tls-client-ca <file>', 'CAs whose client certificates are believed, PEM')
    .option('--tls-client-crl <file>', 'what these CAs have revoked, PEM')
    .option('--tls-certificate-user <what>', 'user name of a client certificate: cn, subject or none (default cn)')
    .option('--tls-min-version <version>', 'TLSv1.2 or TLSv1.3 (default TLSv1.2)')
    .option('--config <file>', 'configuration file (YAML)')
    .option('--anonymous <who>', 'who needs no token: none, local (this machine) or all (default local)')
    .option('--durability <mode>', 'sync or async (default sync)')
    .option('--history <engine>', 'duckdb or off (default duckdb)')
    .option(
      '--shared-subscriptions <choice>',
      'members take turns (fair, the default) or one gets all it can take (sticky)',
    )
    .option('--queue-policy <choice>', 'a full queue refuses new messages (refuse-new, default) or drop-oldest')
    .option('--limit <name=value>', "one of the configuration file's limits, may be repeated", collect)
    .option('--log-level <level>', 'debug, info, warn or error (default info)')
    .option('--log-format <format>', 'pretty or json (default pretty)')
    .action(async (flags: ServeFlags) => {
      const settings = resolveSettings({ flags, env: context.env, cwd: context.cwd });
      await context.serve(settings, context.signal);
    });
}
