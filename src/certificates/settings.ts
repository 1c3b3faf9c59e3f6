/** How one TLS listener proves who it is, and what it asks of clients. Files are absolute paths of PEM. */
export type TlsSettings = {
  /** Certificate files, each with its chain; empty: one of the local CA. */
  readonly cert: readonly string[];
  /** Key files, one for each of `cert`; empty: the keys stand in the certificate files. */
  readonly key: readonly string[];
  readonly clientCertificates: 'none' | 'optional' | 'require';
  /** The CAs whose client certificates are believed. Null: none is. */
  readonly clientCa: string | null;
  /** Certificates of these CAs that are believed no more. */
  readonly clientCrl: string | null;
  /**
   * What of a client's certificate is its user name: the common name, the whole subject as RFC 4514 writes it, or nothing:
   * then it opens TLS alone, and who somebody is has to be said by a token.
   */
  readonly certificateUser: 'cn' | 'subject' | 'none';
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Largest record that is sent, for clients with little memory; null: TLS's own 16 KiB. */
  readonly maxRecordBytes: number | null;
  /** More names of this machine for the local certificate. */
  readonly names: readonly string[];
};

export const DEFAULT_TLS: TlsSettings = {
  cert: [],
  key: [],
  clientCertificates: 'none',
  clientCa: null,
  clientCrl: null,
  certificateUser: 'cn',
  minVersion: 'TLSv1.2',
  maxRecordBytes: null,
  names: [],
};

/**
 * TLS 1.2's cipher suites, best first (1.3's are OpenSSL's own). The last four have no forward secrecy: axTLS on an ESP8266
 * has nothing else.
 */
export const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'AES128-GCM-SHA256',
  'AES128-SHA256',
  'AES128-SHA',
  'AES256-SHA',
].join(':');
