import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from './tools.ts';

/** Files of a certificate and its key. */
export type Pair = { readonly cert: string; readonly key: string };

/** A CA that the openssl command made in a folder. */
export type Issuer = Pair & {
  /** Makes a certificate; the files are called `name`.pem and `name`.key, and replaced when they are there. */
  readonly issue: (name: string, wish: Wish) => Promise<Pair>;
  /** Withdraws certificates, beside those that it withdrew before, and writes the list of all into a file. */
  readonly revoke: (crl: string, ...certs: readonly string[]) => Promise<void>;
};

export type Wish = {
  /** As openssl takes it: `/O=Lab/CN=esp-1`. */
  readonly subject: string;
  readonly algorithm?: 'rsa' | 'ecdsa';
  /** `DNS:localhost,IP:127.0.0.1` */
  readonly names?: string;
  readonly days?: number;
};

const NEW_KEY = { rsa: ['rsa:2048'], ecdsa: ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'] };

/** Makes a CA; `name` tells several of one folder apart. */
export async function makeCa(folder: string, name = 'ca'): Promise<Issuer> {
  const ca = filesOf(folder, name);
  await openssl([
    'req',
    '-x509',
    '-nodes',
    '-newkey',
    ...NEW_KEY.rsa,
    '-days',
    '30',
    '-subj',
    `/CN=Test CA ${name}`,
    '-keyout',
    ca.key,
    '-out',
    ca.cert,
  ]);
  return {
    ...ca,
    issue: async (wanted, { subject, algorithm = 'rsa', names, days = 20 }) => {
      const pair = filesOf(folder, wanted);
      const request = join(folder, `${wanted}.csr`);
      const extensions = join(folder, `${wanted}.ext`);
      writeFileSync(extensions, names === undefined ? 'basicConstraints=CA:FALSE\n' : `subjectAltName=${names}\n`);
      await openssl([
        'req',
        '-nodes',
        '-utf8',
        '-newkey',
        ...NEW_KEY[algorithm],
        '-subj',
        subject,
        '-keyout',
        pair.key,
        '-out',
        request,
      ]);
      await openssl([
        'x509',
        '-req',
        '-in',
        request,
        '-CA',
        ca.cert,
        '-CAkey',
        ca.key,
        '-CAcreateserial',
        '-days',
        String(days),
        '-extfile',
        extensions,
        '-out',
        pair.cert,
      ]);
      return pair;
    },
    revoke: async (crl, ...certs) => {
      const config = join(folder, `${name}-crl.conf`);
      const index = join(folder, `${name}-index.txt`);
      appendFileSync(index, '');
      writeFileSync(
        config,
        `[ca]\ndefault_ca = one\n[one]\ndatabase = ${index}\ndefault_md = sha256\ndefault_crl_days = 30\n`,
      );
      const by = ['ca', '-config', config, '-keyfile', ca.key, '-cert', ca.cert];
      for (const cert of certs) await openssl([...by, '-revoke', cert]);
      await openssl([...by, '-gencrl', '-out', crl]);
    },
  };
}

function filesOf(folder: string, name: string): Pair {
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runTool('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}
