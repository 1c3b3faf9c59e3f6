/** Why a message is refused: the words of RFC 5802, 7 (server-error-value), and what was wrong for the log. */
export type ScramFault = {
  readonly fault:
    | 'invalid-encoding'
    | 'extensions-not-supported'
    | 'invalid-username-encoding'
    | 'channel-binding-not-supported'
    | 'channel-bindings-dont-match'
    | 'invalid-proof'
    | 'other-error';
  readonly why: string;
};

export type ClientFirst = {
  /** With its last comma, as the client repeats it in base64. */
  readonly gs2Header: string;
  /** As somebody else: whom the client wants to act for. Null where none was given. */
  readonly authzid: string | null;
  readonly name: string;
  readonly nonce: string;
  /** The message without the header: a part of what is signed. */
  readonly bare: string;
};

export type ClientFinal = {
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Buffer;
  readonly withoutProof: string;
};

/** Longer ones are no client's; refused before they are looked at. */
export const MAX_SCRAM_MESSAGE_BYTES = 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]+$/;
const ATTRIBUTE = /^[A-Za-z]=[^\0]+$/;

export function isFault(value: object): value is ScramFault {
  return 'fault' in value;
}

function fault(word: ScramFault['fault'], why: string): ScramFault {
  return { fault: word, why };
}

function textOf(message: Uint8Array): string | ScramFault {
  if (message.length > MAX_SCRAM_MESSAGE_BYTES) {
    return fault('invalid-encoding', `a message of more than ${MAX_SCRAM_MESSAGE_BYTES} bytes`);
  }
  try {
    return utf8.decode(message);
  } catch {
    return fault('invalid-encoding', 'a message that is no UTF-8');
  }
}

/** `n,,n=user,r=nonce` (RFC 5802, 5.1). */
export function readClientFirst(message: Uint8Array): ClientFirst | ScramFault {
  const text = textOf(message);
  if (typeof text !== 'string') return text;
  const [flag = '', authorization = '', ...attributes] = text.split(',');
  if (flag.startsWith('p=')) {
    return fault(
      'channel-binding-not-supported',
      'the client asks for channel binding, which this server does not offer',
    );
  }
  if (flag !== 'n' && flag !== 'y') return fault('invalid-encoding', 'the first message begins with neither n nor y');
  if (authorization !== '' && !authorization.startsWith('a=')) {
    return fault('invalid-encoding', 'the first message has no header such as n,,');
  }
  const authzid = authorization === '' ? null : decodeName(authorization.slice(2));
  if (authzid !== null && typeof authzid !== 'string') return authzid;

  const [nameAttribute = '', nonceAttribute = '', ...extensions] = attributes;
  if (nameAttribute.startsWith('m=')) {
    return fault('extensions-not-supported', 'the client demands an extension that this server does not know');
  }
  if (!nameAttribute.startsWith('n=')) return fault('invalid-encoding', 'the first message has no user name (n=)');
  const name = decodeName(nameAttribute.slice(2));
  if (typeof name !== 'string') return name;
  if (!nonceAttribute.startsWith('r=') || !PRINTABLE.test(nonceAttribute.slice(2))) {
    return fault('invalid-encoding', 'the first message has no nonce (r=)');
  }
  if (!extensions.every((each) => ATTRIBUTE.test(each))) {
    return fault('invalid-encoding', 'the first message has something behind its nonce that is no attribute');
  }
  return {
    gs2Header: `${flag},${authorization},`,
    authzid,
    name,
    nonce: nonceAttribute.slice(2),
    bare: attributes.join(','),
  };
}

/** In a name `=2C` stands for a comma and `=3D` for an equals sign; no other `=` may be there. */
function decodeName(encoded: string): string | ScramFault {
  if (encoded === '' || encoded.includes('\0') || /=(?!2C|3D)/.test(encoded)) {
    return fault('invalid-username-encoding', 'a name that is empty, or holds = other than as =2C and =3D');
  }
  return encoded.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

/** The inverse of what the server reads: a name as it goes into a client's first message. */
export function encodeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

/** `c=biws,r=nonce,p=proof` (RFC 5802, 5.1). */
export function readClientFinal(message: Uint8Array, proofBytes: number): ClientFinal | ScramFault {
  const text = textOf(message);
  if (typeof text !== 'string') return text;
  const end = text.lastIndexOf(',p=');
  if (end < 0) return fault('invalid-encoding', 'the last message has no proof (p=)');
  const withoutProof = text.slice(0, end);
  const [binding = '', nonceAttribute = '', ...extensions] = withoutProof.split(',');
  if (!binding.startsWith('c=')) return fault('invalid-encoding', 'the last message has no channel binding (c=)');
  if (!nonceAttribute.startsWith('r=')) return fault('invalid-encoding', 'the last message has no nonce (r=)');
  if (!extensions.every((each) => ATTRIBUTE.test(each))) {
    return fault('invalid-encoding', 'the last message has something behind its nonce that is no attribute');
  }
  const encoded = text.slice(end + 3);
  const proof = Buffer.from(encoded, 'base64');
  // Node reads base64 generously; what it wrote itself is the only form that is taken.
  if (proof.length !== proofBytes || proof.toString('base64') !== encoded) {
    return fault('invalid-encoding', `the proof is not ${proofBytes} bytes in base64`);
  }
  return { channelBinding: binding.slice(2), nonce: nonceAttribute.slice(2), proof, withoutProof };
}
