import { describe, expect, it } from 'vitest';
import { primaryField, readPreview } from './reading.ts';

const AT = 1_795_247_359_691_234;
const read = (payload: string | null, more: { bytes?: number; binary?: boolean } = {}) =>
  readPreview({
    payload,
    bytes: more.bytes ?? new TextEncoder().encode(payload ?? '').length,
    binary: more.binary ?? false,
    at: AT,
  });

describe('reading a preview', () => {
  it('takes a bare number as the field value', () => {
    expect(read('22.25')).toMatchObject({ summary: '22.25', fields: [{ field: 'value', value: 22.25 }], figures: [] });
  });

  it('gives the fields of the array of objects that the sampler sends', () => {
    const reading = read('[{"id":10017,"kT":20.0,"aT":18.59,"aH":28.0}]');
    expect(reading.fields.map(({ field }) => field)).toEqual(['id', 'kT', 'aT', 'aH']);
    expect(reading.summary).toBe('kT 20  aT 18.59  aH 28  id 10017');
    expect(primaryField(reading.fields)).toEqual({ field: 'kT', value: 20 });
  });

  it('keeps every row of an array of objects, with the time that a row gives', () => {
    const reading = read('[{"time":"2026-11-21T07:00:00Z","a":1},{"a":2}]');
    expect(reading.rows.map((row) => row.atUs)).toEqual([Date.UTC(2026, 10, 21, 7) * 1000, AT]);
    expect(reading.fields).toContainEqual({ field: 'a', value: 2 });
  });

  it('knows no fields of a payload of which it sees only the beginning', () => {
    expect(read('{"a":1,', { bytes: 900 })).toMatchObject({ cut: true, fields: [], rows: [] });
  });

  it('keeps text as text and an integer beyond 2^53 exact', () => {
    expect(read('closed').fields).toEqual([{ field: 'value', value: 'closed' }]);
    expect(read('9007199254740993').fields).toEqual([{ field: 'value', value: '9007199254740993' }]);
  });

  it('shows what is no UTF-8 as bytes', () => {
    const reading = read(btoa('\xff\xfe'), { bytes: 2, binary: true });
    expect(reading).toMatchObject({ summary: 'binary, 2 bytes', cut: false });
    expect(reading.fields).toEqual([{ field: 'value', value: { base64: btoa('\xff\xfe') } }]);
  });

  it('says that a payload is empty, and nothing of a node without one', () => {
    expect(read('').summary).toBe('empty');
    expect(read(null).summary).toBe('');
  });

  it('measures UTF-8, not characters', () => {
    expect(read('é').cut).toBe(false);
    expect(read('é', { bytes: 3 }).cut).toBe(true);
  });
});
