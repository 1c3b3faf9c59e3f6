import { OperatorError } from '../base/index.ts';
import type { TlsSettings } from '../certificates/index.ts';
import { listenAddressText } from './listen-address.ts';
import type { Settings } from './settings.ts';

/** Refuses what a TLS listener cannot mean: nobody's certificates asked for, keys without certificates. */
export function refuseTlsFaults({ mqtts, https, tls }: Settings): void {
  // Looked at as they will be used; where there is no TLS listener, for themselves.
  for (const one of mqtts) refuse(one.tls, `mqtts ${listenAddressText(one)}: `);
  for (const one of https) refuse(one.tls, `https ${listenAddressText(one)}: `);
  refuse(tls, '');
}

function refuse({ cert, key, clientCertificates, clientCa, clientCrl }: TlsSettings, where: string): void {
  if (key.length > 0 && key.length !== cert.length) {
    throw new OperatorError(
      `${where}tls.cert names ${count(cert, 'file')} and tls.key ${count(key, 'file')}`,
      'Name one key for each certificate, in the same order; or none, where each file holds both.',
    );
  }
  if (clientCertificates !== 'none' && clientCa === null) {
    throw new OperatorError(
      `${where}tls.clientCertificates is ${clientCertificates}, but tls.clientCa names no file`,
      'Name the file of the CAs whose client certificates are believed.',
    );
  }
  if (clientCertificates === 'none' && (clientCa ?? clientCrl) !== null) {
    throw new OperatorError(
      `${where}tls.clientCa or tls.clientCrl is named, but no client is asked for a certificate`,
      'Set tls.clientCertificates to require or optional.',
    );
  }
}

function count(list: readonly string[], what: string): string {
  return `${list.length} ${what}${list.length === 1 ? '' : 's'}`;
}
