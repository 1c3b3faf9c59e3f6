import type { Carrier, Properties } from './properties.ts';
import { mayRepeat, PROPERTY_TABLE, type PropertyRow } from './property-table.ts';
import { Writer } from './writer.ts';

/**
 * The property block with its length in front, in the order of the identifiers; no properties are the one byte 0
 * [MQTT-2.2.2-1]. With a carrier also checks that each property may stand there. Throws RangeError on a value that does
 * not fit its field.
 */
export function encodeProperties(properties: Properties, carrier?: Carrier): Buffer {
  const writer = new Writer(carrier ?? 'properties');
  for (const property of PROPERTY_TABLE) {
    const value = properties[property.name];
    if (value === undefined) continue;
    if (carrier !== undefined) checkCarrier(writer, property, value, carrier);
    writeProperty(writer, property, value);
  }
  return writer.block();
}

type Value = NonNullable<Properties[keyof Properties]>;

function writeProperty(writer: Writer, property: PropertyRow, value: Value): void {
  const { id, name, kind } = property;
  if (property.nonZero && value === 0) throw writer.refusal(`${name} is 0`);
  if (kind === 'varints') {
    for (const number of value as readonly number[]) {
      if (number === 0) throw writer.refusal(`${name} holds 0`);
      writer.u8(id, name);
      writer.varint(number, name);
    }
    return;
  }
  if (kind === 'pairs') {
    for (const [key, text] of value as readonly (readonly [string, string])[]) {
      writer.u8(id, name);
      writer.utf8(key, name);
      writer.utf8(text, name);
    }
    return;
  }
  writer.u8(id, name);
  if (kind === 'bit') writer.bit(value as number, name);
  else if (kind === 'flag') writer.bit(value === true ? 1 : 0, name);
  else if (kind === 'u16') writer.u16(value as number, name);
  else if (kind === 'u32') writer.u32(value as number, name);
  else if (kind === 'utf8') writer.utf8(value as string, name);
  else writer.binary(value as Buffer, name);
}

function checkCarrier(writer: Writer, property: PropertyRow, value: Value, carrier: Carrier): void {
  if (!property.carriers.includes(carrier)) throw writer.refusal(`may not carry the property ${property.name}`);
  if (Array.isArray(value) && value.length > 1 && !mayRepeat(property, carrier)) {
    throw writer.refusal(`may carry the property ${property.name} only once`);
  }
}
