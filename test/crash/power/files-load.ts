import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dist } from '../../../scripts/workshop/paths.mjs';
import { listTokens, tokenFileOf } from '../../../src/access/index.ts';
import { freePort, type RunningSonde, runToEnd, sondeCommand, startSonde } from '../../tooling/index.ts';
import type { DiskRecord } from './disk-record.ts';

/** What somebody has been told, or asks for now. */
export type FilesMark =
  /** A command begins, after which the tokens are other ones, or the CA is. */
  | { readonly is: 'begin'; readonly what: 'tokens' | 'ca' | 'backup' | 'restore' }
  /** It said that it is done: these are the tokens, as JSON. */
  | { readonly is: 'tokens'; readonly tokens: string }
  /** Somebody was told the fingerprint of the CA, at this time. */
  | { readonly is: 'ca'; readonly fingerprint: string; readonly wallMs: number }
  | { readonly is: 'backup' | 'restore' };

/** The CA ends soon by then. */
const LATER_MS = 3640 * 24 * 3600 * 1000;

/** Everything that makes or changes a small file of a data folder, by the built program, with what it said. */
export async function liveWithFiles(record: DiskRecord, disk: string): Promise<void> {
  const data = join(disk, 'data');
  const env = record.env;
  const mark = (said: FilesMark): void => record.mark(JSON.stringify(said));
  let sonde: RunningSonde | null = null;

  const command = async (...args: string[]): Promise<string> => {
    const ran = await sondeCommand(args, { env });
    if (ran.code !== 0) throw new Error(`sonde ${args.join(' ')} ended with ${ran.code}: ${ran.stderr}`);
    return ran.stdout;
  };
  const changeTokens = async (...args: string[]): Promise<void> => {
    mark({ is: 'begin', what: 'tokens' });
    await command('token', ...args, '--data', data);
    mark({ is: 'tokens', tokens: JSON.stringify(listTokens(tokenFileOf(data))) });
  };
  const serve = async (): Promise<RunningSonde> => {
    mark({ is: 'begin', what: 'tokens' });
    const address = `127.0.0.1:${await freePort()}`;
    const started = await startSonde({ dataDir: data, history: 'duckdb', env, args: ['--mqtts', address] });
    mark({ is: 'tokens', tokens: JSON.stringify(listTokens(tokenFileOf(data))) });
    const caPem = await (await fetch(`${started.url}/ca.pem`)).text();
    mark({ is: 'ca', fingerprint: new X509Certificate(caPem).fingerprint256, wallMs: Date.now() });
    return started;
  };

  try {
    mark({ is: 'begin', what: 'ca' });
    sonde = await serve();
    await changeTokens('create', '--key', 'plant-one');
    await changeTokens('rotate', 'plant-one');
    await sonde.kill();
    sonde = null;
    await changeTokens('revoke', 'plant-one');
    mark({ is: 'begin', what: 'backup' });
    await command('backup', join(disk, 'backup'), '--data', data);
    mark({ is: 'backup' });
    mark({ is: 'begin', what: 'restore' });
    await command('restore', join(disk, 'backup'), '--data', join(disk, 'restored'));
    mark({ is: 'restore' });
    mark({ is: 'begin', what: 'ca' });
    const laterMs = Date.now() + LATER_MS;
    const renewed = await runToEnd(process.execPath, ['--input-type=module', '-e', RENEW, data, String(laterMs)], {
      env: { ...process.env, ...env },
    });
    if (renewed.code !== 0) throw new Error(renewed.stderr);
    mark({ is: 'ca', fingerprint: renewed.stdout.trim(), wallMs: laterMs });
  } finally {
    await sonde?.kill();
  }
}

/** The local CA of a data folder, opened ten years later. */
const RENEW = `
  const { openLocalAuthority } = await import(${JSON.stringify(String(pathToFileURL(`${dist}/certificates/local-authority.js`)))});
  const [data, wallMs] = process.argv.slice(1);
  const ca = await openLocalAuthority(data, { dns: ['localhost'], addresses: ['127.0.0.1'] }, () => Number(wallMs));
  console.log(ca.fingerprint());
`;
