/** MQTT 5.0 reason codes (clause 2.4) that a page may meet, in plain words. */
const TEXTS: Readonly<Record<number, string>> = {
  0x10: 'no matching subscribers',
  0x80: 'unspecified error',
  0x81: 'malformed packet',
  0x82: 'protocol error',
  0x83: 'the server cannot take this',
  0x85: 'the client identifier is not valid',
  0x86: 'the key or the secret is wrong',
  0x87: 'not authorised',
  0x88: 'the server is not available',
  0x89: 'the server is busy',
  0x8a: 'this client is banned',
  0x8b: 'the server is shutting down',
  0x8c: 'this way of signing in is not known',
  0x8d: 'nothing was heard of this page for too long',
  0x8e: 'another connection took over the client identifier',
  0x8f: 'the topic filter is not valid',
  0x90: 'the topic name is not valid',
  0x95: 'the packet is too large',
  0x97: 'a quota is used up',
  0x98: 'an administrator closed it',
  0x99: 'the payload format is not valid',
  0x9a: 'retained messages are not allowed',
  0x9b: 'this QoS is not allowed',
  0x9c: 'use another server',
  0x9f: 'too many connections',
};

/** Words for a reason code, with the number where there are none. */
export function reasonText(code: number): string {
  return TEXTS[code] ?? `reason code 0x${code.toString(16).padStart(2, '0')}`;
}
