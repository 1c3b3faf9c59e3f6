import { Reason } from './reason.ts';

/**
 * Bytes that break the protocol. Thrown by every decoder of this room and by nothing else in it. The text names the
 * packet, the field, what was wrong and the clause, and never holds what the peer sent as a password or payload.
 */
export class ProtocolFault extends Error {
  /** The MQTT 5 reason code to answer with: 0x81 malformed, 0x82 protocol error, 0x84 version, 0x94 topic alias ... */
  readonly reason: number;

  constructor(reason: number, text: string) {
    super(text);
    this.name = 'ProtocolFault';
    this.reason = reason;
  }
}

/** Bytes that cannot be parsed (reason 0x81). Returned, so that the caller's `throw` ends its branch. */
export function malformed(text: string): ProtocolFault {
  return new ProtocolFault(Reason.malformedPacket, text);
}

/** Bytes that parse but are not allowed (reason 0x82). */
export function protocolError(text: string): ProtocolFault {
  return new ProtocolFault(Reason.protocolError, text);
}
