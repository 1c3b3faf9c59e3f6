import type { Version } from './packet-type.ts';
import { type Carrier, EMPTY_PROPERTIES, type Properties } from './properties.ts';
import { mayRepeat, PROPERTY_TABLE, type PropertyRow } from './property-table.ts';
import { ProtocolFault, protocolError } from './protocol-fault.ts';
import { Reader } from './reader.ts';
import { Reason } from './reason.ts';

const byId: (PropertyRow | undefined)[] = [];
for (const property of PROPERTY_TABLE) byId[property.id] = property;

/** A packet of 4 MiB could hold 800,000 user properties, which takes most of a second to read. */
const MAX_PROPERTIES = 10_000;

type Value = number | boolean | string | Buffer | number[] | [string, string][];

/**
 * The properties in buf[start..end), a block without its length. Throws ProtocolFault: an unknown property or one that
 * the carrier may not hold is malformed (MQTT 2.2.2.2), one that comes twice or out of its range a protocol error.
 */
export function decodeProperties(buf: Buffer, start: number, end: number, carrier: Carrier): Properties {
  if (start === end) return EMPTY_PROPERTIES;
  const reader = new Reader(buf, start, end, carrier === 'will' ? 'CONNECT will' : carrier.toUpperCase());
  const properties: Partial<Record<keyof Properties, Value>> = {};
  for (let count = 1; reader.left > 0; count++) {
    if (count > MAX_PROPERTIES) {
      throw new ProtocolFault(Reason.quotaExceeded, `${reader.packet}: more than ${MAX_PROPERTIES} properties`);
    }
    const property = nextProperty(reader, carrier);
    const { name } = property;
    const before = properties[name];
    if (before !== undefined && !mayRepeat(property, carrier)) {
      throw protocolError(`${reader.packet}: the property ${name} comes twice`);
    }
    properties[name] = readValue(reader, property, before);
  }
  return properties as Properties;
}

/** The property block of a packet with its length in front; nothing is read before MQTT 5. */
export function readProperties(reader: Reader, carrier: Carrier, version: Version): Properties {
  if (version < 5) return EMPTY_PROPERTIES;
  const length = reader.varint('the property length');
  const start = reader.at;
  if (length > reader.left) throw reader.fault('the properties are longer than the packet');
  reader.at += length;
  return decodeProperties(reader.buf, start, start + length, carrier);
}

function nextProperty(reader: Reader, carrier: Carrier): PropertyRow {
  const id = reader.varint('a property identifier');
  const property = byId[id];
  if (property === undefined) throw reader.fault(`there is no property 0x${id.toString(16).padStart(2, '0')}`);
  if (!property.carriers.includes(carrier)) throw reader.fault(`the property ${property.name} does not belong here`);
  return property;
}

function readValue(reader: Reader, property: PropertyRow, before: Value | undefined): Value {
  const { name } = property;
  switch (property.kind) {
    case 'bit':
      return bit(reader, name);
    case 'flag':
      return bit(reader, name) === 1;
    case 'u16':
      return inRange(reader, property, reader.u16(name));
    case 'u32':
      return inRange(reader, property, reader.u32(name));
    case 'varints': {
      const values = (before as number[] | undefined) ?? [];
      values.push(inRange(reader, property, reader.varint(name)));
      return values;
    }
    case 'utf8': {
      const text = reader.utf8(name);
      if (name === 'responseTopic') checkResponseTopic(reader, text);
      return text;
    }
    case 'binary':
      return reader.binary(name);
    case 'pairs': {
      const pairs = (before as [string, string][] | undefined) ?? [];
      pairs.push([reader.utf8('a user property name'), reader.utf8('a user property value')]); // [MQTT-1.5.7-1]
      return pairs;
    }
  }
}

function bit(reader: Reader, name: string): number {
  const value = reader.u8(name);
  if (value > 1) throw protocolError(`${reader.packet}: the property ${name} is ${value} and not 0 or 1`);
  return value;
}

function inRange(reader: Reader, property: PropertyRow, value: number): number {
  if (value !== 0 || !property.nonZero) return value;
  const reason = property.name === 'topicAlias' ? Reason.topicAliasInvalid : Reason.protocolError; // [MQTT-3.3.2-8]
  throw new ProtocolFault(reason, `${reader.packet}: the property ${property.name} is 0`);
}

function checkResponseTopic(reader: Reader, text: string): void {
  if (!text.includes('+') && !text.includes('#')) return;
  throw protocolError(`${reader.packet}: the response topic holds a wildcard [MQTT-3.3.2-14]`);
}
