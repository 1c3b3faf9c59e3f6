import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DECODE_LIMITS, type DecodedValue, decodePayload, isoMicroseconds, numberFromBytes } from './index.ts';

const ARRIVED_US = 1_795_000_000_000_000; // 2026-11-18
const encoder = new TextEncoder();

function decode(payload: string | Uint8Array, limits = DECODE_LIMITS) {
  const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload;
  return decodePayload(bytes, 0, bytes.length, ARRIVED_US, limits);
}

/** Rows as objects, for tables that are easy to read. */
function rows(payload: string | Uint8Array, limits = DECODE_LIMITS): unknown {
  return decode(payload, limits).map((row) => {
    const entries = row.fields.map((field, i) => [field, row.values[i]] as const);
    return row.timeUs === null ? entries : [['@', row.timeUs], ...entries];
  });
}

const value = (one: DecodedValue): unknown => [[['value', one]]];

describe('a bare value', () => {
  it.each<[string, number]>([
    ['22.25', 22.25],
    ['-3', -3],
    ['+5', 5],
    ['1e3', 1000],
    ['1.5E-3', 0.0015],
    ['  22.50\r\n', 22.5],
    ['\t7 ', 7],
    ['021.5', 21.5],
    ['.5', 0.5],
    ['5.', 5],
    ['22.5\0', 22.5],
    ['9007199254740991', 9007199254740991],
    ['0.1', 0.1],
    ['123456789.12345678', 123456789.12345678],
    ['3.14159265358979323846', Math.PI],
    ['1e-320', 1e-320],
    ['true', 1],
    ['false', 0],
    [' true\n', 1],
  ])('%j is the number %d', (payload, number) => {
    expect(rows(payload)).toEqual(value(number));
  });

  it('keeps the sign of minus zero', () => {
    expect(Object.is(decode('-0')[0]?.values[0], -0)).toBe(true);
  });

  it('null is a gap mark', () => {
    expect(rows('null')).toEqual(value(null));
  });

  it.each(['9007199254740993', '-12345678901234567890', '00009007199254740993'])(
    'the integer %s keeps all its digits',
    (digits) => {
      expect(rows(digits)).toEqual(value({ exact: digits }));
      expect(rows(` ${digits}\n`)).toEqual(value({ exact: digits }));
    },
  );

  it.each([
    '',
    ' ',
    'hello',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e999',
    '0x10',
    '1_000',
    '1,5',
    '1 2',
    '.',
    '-',
    'e5',
    '1e',
    '1e+',
    '--1',
    'True',
    'NULL',
    '"text"',
    '２２',
    '\uFEFF22',
    'ESP_init',
    '<Data_begin>',
  ])('%j is text, as it was sent', (payload) => {
    expect(rows(payload)).toEqual(value(payload));
  });

  it('bytes that are no UTF-8 are kept as bytes, in a copy', () => {
    const payload = Uint8Array.of(0x41, 0xff, 0x00, 0xc3);
    const decoded = decode(payload)[0]?.values[0];
    expect(decoded).toEqual(payload);
    payload[0] = 0;
    expect(decoded).not.toEqual(payload);
  });

  it('decodes only its own part of a larger buffer', () => {
    const bytes = encoder.encode('1122.2533');
    expect(decodePayload(bytes, 2, 7, ARRIVED_US)[0]?.values).toEqual([22.25]);
  });
});

describe('JSON', () => {
  it('gives the four series of a thermocouple sample', () => {
    expect(rows('[{"id":10017,"kT":20.0,"aT":18.59,"aH":28.0}]')).toEqual([
      [
        ['id', 10017],
        ['kT', 20],
        ['aT', 18.59],
        ['aH', 28],
      ],
    ]);
  });

  it('names nested values by their path', () => {
    expect(rows('{"a":{"b":1,"c":[2,{"d":3}]},"e":true,"f":null,"g":"text"}')).toEqual([
      [
        ['a.b', 1],
        ['a.c[0]', 2],
        ['a.c[1].d', 3],
        ['e', 1],
        ['f', null],
        ['g', 'text'],
      ],
    ]);
  });

  it('makes a row of each object of an array, and one row of an array of anything else', () => {
    expect(rows('[{"a":1},{"b":2}]')).toEqual([[['a', 1]], [['b', 2]]]);
    expect(rows('[1,-2.5,null]')).toEqual([
      [
        ['[0]', 1],
        ['[1]', -2.5],
        ['[2]', null],
      ],
    ]);
    expect(rows('[1,{"a":2}]')).toEqual([
      [
        ['[0]', 1],
        ['[1].a', 2],
      ],
    ]);
    expect(rows('[{"a":1},2]')).toEqual([
      [
        ['[0].a', 1],
        ['[1]', 2],
      ],
    ]);
  });

  it('keeps integers beyond 2^53 exactly, and rounds what is no integer', () => {
    expect(rows('{"a":9007199254740993,"b":9007199254740992.5,"c":-90071992547409931,"d":9007199254740991}')).toEqual([
      [
        ['a', { exact: '9007199254740993' }],
        ['b', 9007199254740992],
        ['c', { exact: '-90071992547409931' }],
        ['d', 9007199254740991],
      ],
    ]);
  });

  it('loses no empty container beside a value', () => {
    expect(rows('{"a":{},"b":[],"c":1}')).toEqual([
      [
        ['a', '{}'],
        ['b', '[]'],
        ['c', 1],
      ],
    ]);
  });

  it('takes special names as any other', () => {
    expect(rows('{"__proto__":1,"constructor":{"prototype":2},"":3,"toString":4}')).toEqual([
      [
        ['__proto__', 1],
        ['constructor.prototype', 2],
        ['[""]', 3],
        ['toString', 4],
      ],
    ]);
    expect(({} as Record<string, unknown>)['prototype']).toBeUndefined();
  });

  it.each([
    '{}',
    '[]',
    '[{}]',
    '{"a":1',
    '{"a":1}x',
    '{"a":1,}',
    '[1,]',
    '[{"a":1},]',
    "{'a':1}",
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":NaN}',
    '{"a":1e999}',
    '{"a":"\u0001"}',
    '{"a":"\\x"}',
    '{"a":"\\ud800"}',
    '{a:1}',
    '{"a":1 "b":2}',
    '{"a":1,"a":2}',
    '{"a.b":1,"a":{"b":2}}',
    '{"ESP_init":{"DATA_topic":"data-esp-a6","K Thermocouple":"24.25 ºC"}}..',
  ])('what is not JSON, or would lose something as rows, is kept as text: %s', (payload) => {
    expect(rows(payload)).toEqual(value(payload));
  });

  it('keeps a payload beyond a limit whole', () => {
    const limits = { maxDepth: 3, maxPaths: 4, maxTextLength: 5, maxFieldLength: 8 };
    expect(rows('{"a":{"b":{"c":1}}}', limits)).toEqual([[['a.b.c', 1]]]);
    for (const payload of [
      '{"a":{"b":{"c":{"d":1}}}}',
      '[[[[1]]]]',
      '[1,2,3,4,5]',
      '[{"a":1},{"a":1},{"a":1},{"a":1},{"a":1}]',
      '{"a":"123456"}',
      '{"a23456789":1}',
    ]) {
      expect(rows(payload, limits)).toEqual(value(payload));
    }
  });

  it('is not brought down by a million brackets', () => {
    const deep = '['.repeat(1_000_000);
    expect(rows(deep)).toEqual(value(deep));
    const objects = '{"a":'.repeat(200_000);
    expect(rows(objects)).toEqual(value(objects));
  });
});

describe('the time of a payload', () => {
  const at = (json: string): number | null | undefined => decode(json)[0]?.timeUs;

  it.each<[string, number]>([
    ['{"time":"2026-11-18T10:00:00Z","v":1}', Date.UTC(2026, 10, 18, 10) * 1000],
    ['{"time":"2026-11-18T10:00:00.123456Z","v":1}', Date.UTC(2026, 10, 18, 10) * 1000 + 123_456],
    ['{"timestamp":"2026-11-18T10:00:00+02:00","v":1}', Date.UTC(2026, 10, 18, 8) * 1000],
    ['{"ts":"2026-11-18 10:00:00","v":1}', Date.UTC(2026, 10, 18, 10) * 1000],
    ['{"ts":"2026-11-18","v":1}', Date.UTC(2026, 10, 18) * 1000],
    ['{"ts":1700000000,"v":1}', 1_700_000_000_000_000],
    ['{"ts":1700000000.25,"v":1}', 1_700_000_000_250_000],
    ['{"ts":1700000000123,"v":1}', 1_700_000_000_123_000],
    ['{"ts":1700000000123456,"v":1}', 1_700_000_000_123_456],
    ['{"ts":1700000000123456789,"v":1}', 1_700_000_000_123_456],
    ['{"time":12,"ts":1700000000,"v":1}', 1_700_000_000_000_000],
  ])('%s', (json, timeUs) => {
    expect(at(json)).toBe(timeUs);
  });

  it.each([
    '{"time":12345,"v":1}',
    '{"time":978307199,"v":1}',
    '{"time":"10:00:00","v":1}',
    '{"time":"2000-12-31T23:59:59Z","v":1}',
    '{"time":"2026-13-01T00:00:00Z","v":1}',
    '{"time":"2026-02-30T00:00:00Z","v":1}',
    '{"time":"2026-11-21T10:00:00Z","v":1}',
    '{"time":null,"v":1}',
    '{"Time":1700000000,"v":1}',
    '{"a":{"time":1700000000},"v":1}',
    '{"v":1}',
    '1700000000',
  ])('is the arrival when the payload has none that can be one: %s', (json) => {
    expect(at(json)).toBeNull();
  });

  it('is each row its own, and a number stays a series as well', () => {
    expect(rows('[{"ts":1700000000,"v":1},{"ts":1700000001,"v":2},{"v":3}]')).toEqual([
      [
        ['@', 1_700_000_000_000_000],
        ['ts', 1_700_000_000],
        ['v', 1],
      ],
      [
        ['@', 1_700_000_001_000_000],
        ['ts', 1_700_000_001],
        ['v', 2],
      ],
      [['v', 3]],
    ]);
  });

  it('as text is not kept twice, but kept when it is all there is', () => {
    expect(rows('{"time":"2023-11-14T22:13:20Z","v":1}')).toEqual([
      [
        ['@', 1_700_000_000_000_000],
        ['v', 1],
      ],
    ]);
    expect(rows('{"time":"2023-11-14T22:13:20Z"}')).toEqual([
      [
        ['@', 1_700_000_000_000_000],
        ['time', '2023-11-14T22:13:20Z'],
      ],
    ]);
  });

  it('reads every ISO time that Date writes', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0100-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          expect(isoMicroseconds(date.toISOString())).toBe(date.getTime() * 1000);
        },
      ),
    );
  });
});

describe('whatever comes', () => {
  it('is decoded to at least one value, without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = decode(bytes);
        expect(decoded.length).toBeGreaterThan(0);
        for (const row of decoded) {
          expect(row.fields.length).toBe(row.values.length);
          expect(row.fields.length).toBeGreaterThan(0);
          expect(new Set(row.fields).size).toBe(row.fields.length);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('any finite number that JavaScript writes comes back as it was', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        fc.pre(!Number.isInteger(number) || Number.isSafeInteger(number));
        const bytes = encoder.encode(Object.is(number, -0) ? '-0' : String(number));
        expect(Object.is(numberFromBytes(bytes, 0, bytes.length), number)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('JSON gives the paths and values that JSON.parse would', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (json) => {
        fc.pre(typeof json === 'object' && json !== null);
        const text = JSON.stringify(json);
        // Not of `json` itself: JSON has no text that stringify would write for -0.
        const expected = flattened(JSON.parse(text) as typeof json);
        fc.pre(!/"(time|timestamp|ts)":/.test(text));
        if (expected === null) expect(rows(text)).toEqual(value(text));
        else expect(decode(text).map((row) => row.fields.map((field, i) => [field, row.values[i]]))).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it('text is JSON for us exactly when JSON.parse takes it', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b\\n"',
      '1',
      '-2.5e3',
      '01',
      'true',
      'nul',
      ' ',
      '"',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        const text = tokens.join('');
        let parsed: unknown;
        try {
          parsed = JSON.parse(text);
        } catch {
          parsed = undefined;
        }
        fc.pre(typeof parsed !== 'object' || parsed === null || flattened(parsed) !== null);
        const isRows = !(decode(text)[0]?.fields[0] === 'value' && decode(text)[0]?.values[0] === text);
        if (typeof parsed === 'object' && parsed !== null) {
          // A repeated key: the text keeps both.
          fc.pre(isRows || !/"a".*"a"|"b\\n".*"b\\n"/.test(text));
          expect(isRows).toBe(true);
        } else if (parsed === undefined && !/^[\s0-9+\-.e]*$/.test(text)) expect(isRows).toBe(false);
      }),
      { numRuns: 2000, examples: [[['[', '-2.5e3', '01', '1', ']']]] },
    );
  });
});

/** The rows of a parsed value, by the book; null where a payload is kept as text. */
function flattened(json: unknown): (readonly [string, unknown])[][] | null {
  const walk = (path: string, one: unknown, into: [string, unknown][]): void => {
    if (typeof one === 'boolean') into.push([path, one ? 1 : 0]);
    else if (one === null || typeof one === 'string') into.push([path, one]);
    else if (typeof one === 'number') {
      const exact = Number.isInteger(one) && !Number.isSafeInteger(one) && !String(one).includes('e');
      // JSON.stringify writes -0 as 0.
      into.push([path, exact ? { exact: String(one) } : one === 0 ? 0 : one]);
    } else if (Array.isArray(one)) {
      if (one.length === 0 && path !== '') into.push([path, '[]']);
      one.forEach((item, i) => {
        walk(`${path}[${i}]`, item, into);
      });
    } else {
      const entries = Object.entries(one as object);
      if (entries.length === 0 && path !== '') into.push([path, '{}']);
      for (const [key, item] of entries) {
        const name = key === '' ? '[""]' : key;
        walk(path === '' ? name : `${path}.${name}`, item, into);
      }
    }
  };
  const isRow = (one: unknown): boolean => typeof one === 'object' && one !== null && !Array.isArray(one);
  const list = Array.isArray(json) && json.length > 0 && json.every(isRow) ? json : [json];
  const all = list.map((one) => {
    const into: [string, unknown][] = [];
    walk('', one, into);
    return into;
  });
  const full = all.filter((row) => row.length > 0);
  if (full.length === 0) return null;
  // A number that no double can hold is kept with its text.
  if (full.some((row) => row.some(([, value]) => value === Infinity || value === -Infinity))) return null;
  if (full.some((row) => new Set(row.map(([path]) => path)).size !== row.length)) return null;
  return full;
}
