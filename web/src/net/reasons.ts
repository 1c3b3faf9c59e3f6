/** MQTT 5.0 reason codes (clause 2.4) that a page may meet, in plain words. */
const TEXTS: Readonly<Record<number, string>> = {
  16: 'no matching subscribers',
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'the server cannot take this',
  133: 'the client identifier is not valid',
  134: 'the key or the secret is wrong',
  135: 'not authorised',
  136: 'the server is not available',
  137: 'the server is busy',
  138: 'this client is banned',
  139: 'the server is shutting down',
  140: 'this way of signing in is not known',
  141: 'nothing was heard of this page for too long',
  142: 'another connection took over the client identifier',
  143: 'the topic filter is not valid',
  144: 'the topic name is not valid',
  149: 'the packet is too large',
  151: 'a quota is used up',
  152: 'an administrator closed it',
  153: 'the payload format is not valid',
  154: 'retained messages are not allowed',
  155: 'this QoS is not allowed',
  156: 'use another server',
  159: 'too many connections',
};

/** Words for a reason code, with the number where there are none. */
export function reasonText(code: number): string {
  return TEXTS[code] ?? `reason code 0x${code.toString(16).padStart(2, '0')}`;
}
