/** A length-prefixed UTF-8 string. */
export function text(value: string): Buffer {
  return field(Buffer.from(value));
}

/** Length-prefixed bytes. */
export function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A whole packet, right or wrong: first byte, remaining length, body. */
export function packet(firstByte: number, ...body: readonly (Buffer | readonly number[])[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => Buffer.from(part)));
  const length: number[] = [];
  let rest = bytes.length;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([firstByte, ...length]), bytes]);
}

/** CONNECT without credentials; `flags` default to a clean session. */
export function connect(level: 3 | 4 | 5, clientId: string, flags = 2, keepAliveS = 0): Buffer {
  const name = text(level === 3 ? 'MQIsdp' : 'MQTT');
  const properties = level === 5 ? [0] : [];
  return packet(0x10, name, [level, flags, keepAliveS >> 8, keepAliveS & 0xff], properties, text(clientId));
}
