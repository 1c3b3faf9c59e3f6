/** What a failed handshake most likely means for the owner of the device; null for what says nothing. */
export function tlsHint(error: Error): string | null {
  const { code } = error as { readonly code?: string };
  return HINTS[code ?? ''] ?? null;
}

const NO_TRUST = 'the client does not trust the certificate; give it the CA, or a name that is in the certificate';

const HINTS: Readonly<Record<string, string>> = {
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: NO_TRUST,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: NO_TRUST,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: NO_TRUST,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the client finds the certificate too old; look at its clock and ours',
  ERR_SSL_NO_SHARED_CIPHER: 'the client knows none of the cipher suites',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the client knows neither TLS 1.2 nor 1.3, or not the one that is asked for',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what came is no TLS; is the client set to use it?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what came is no TLS; is the client set to use it?',
  ERR_SSL_HTTP_REQUEST: 'plain HTTP came to a TLS port; the address begins with https://',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the client has no certificate, and this listener requires one',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'it was not done in time',
};
