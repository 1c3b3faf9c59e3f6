/** The key and the secret of an `Authorization` header. */
export type BasicCredentials = { readonly key: string; readonly secret: Uint8Array };

const SCHEME = /^basic +([a-z0-9+/]+={0,2}) *$/i;

/** Reads HTTP Basic (RFC 7617, UTF-8). `absent` without the header, `malformed` for another scheme or a damaged one. */
export function parseBasic(header: string | undefined): BasicCredentials | 'absent' | 'malformed' {
  if (header === undefined) return 'absent';
  const encoded = SCHEME.exec(header)?.[1];
  if (encoded === undefined) return 'malformed';
  const bytes = Buffer.from(encoded, 'base64');
  const colon = bytes.indexOf(0x3a);
  if (colon < 1) return 'malformed';
  try {
    const key = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, colon));
    return { key, secret: Uint8Array.from(bytes.subarray(colon + 1)) };
  } catch {
    return 'malformed';
  }
}
