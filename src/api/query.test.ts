import { describe, expect, it } from 'vitest';
import { parseQuery, throwQueryFault } from './query.ts';

describe('a query string', () => {
  it('becomes a record without prototype', () => {
    const query = parseQuery('a=1&b=&c&__proto__=x&constructor=y');
    expect(Object.getPrototypeOf(query)).toBeNull();
    expect(Object.entries(query)).toEqual([
      ['a', '1'],
      ['b', ''],
      ['c', ''],
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(({} as { x?: string }).x).toBeUndefined();
  });

  it('gives a list for what is given more than once', () => {
    expect(parseQuery('a=1&a=2&a=3')['a']).toEqual(['1', '2', '3']);
  });

  it('takes a plus for a space, but for the wildcard where it is a whole level', () => {
    const topicOf = (raw: string) => parseQuery(`topic=${raw}`)['topic'];
    expect(topicOf('my+room/x')).toBe('my room/x');
    expect(topicOf('sensors/+/t')).toBe('sensors/+/t');
    expect(topicOf('sensors%2F+%2ft')).toBe('sensors/+/t');
    expect(topicOf('+')).toBe('+');
    expect(topicOf('+/+')).toBe('+/+');
    expect(topicOf('%2B/x')).toBe('+/x');
    expect(topicOf('a/%20/b')).toBe('a/ /b');
    expect(topicOf('caf%C3%A9/+')).toBe('café/+');
  });

  it.each(['topic=%ff', 'topic=%', 'topic=%zz', '%c3=1', 'topic=+/%ff', 'topic=%ed%a0%80'])(
    'is refused as %s',
    (text) => {
      expect(() => throwQueryFault(parseQuery(text))).toThrow(/percent escape/);
    },
  );

  it('is refused with too many parameters', () => {
    expect(() => throwQueryFault(parseQuery('a=1&'.repeat(40)))).toThrow(/more than 32/);
    expect(() => throwQueryFault(parseQuery('a=1'))).not.toThrow();
  });
});
