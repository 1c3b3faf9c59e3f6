import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  filterCovers,
  filterMatches,
  filtersOverlap,
  RetainedIndex,
  SubscriptionTrie,
  TopicNameError,
  TopicTable,
  topicFilterFault,
  topicNameFault,
  utf8Length,
} from './index.ts';

const level = fc.constantFrom('', 'a', 'b', '$x', 'é');
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const name = topic.filter((text) => text.length > 0);
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => (hash ? [...levels, '#'] : levels).join('/'))
  .filter((text) => text.length > 0);

/** The standard's own words, level by level, as slowly and plainly as can be. */
function matchesByTheBook(pattern: string, text: string): boolean {
  const p = pattern.split('/');
  const t = text.split('/');
  if (text.startsWith('$') && (p[0] === '#' || p[0] === '+')) return false;
  const match = (i: number, j: number): boolean => {
    if (p[i] === '#') return true;
    if (i === p.length || j === t.length) return i === p.length ? j === t.length : p[i] === '#';
    return (p[i] === '+' || p[i] === t[j]) && match(i + 1, j + 1);
  };
  return match(0, 0);
}

describe('topic filters', () => {
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'a/b', true],
    ['#', '$SYS/a', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/a', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['sensors/temperature', '/sensors/temperature', false],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(filterMatches(pattern, text)).toBe(expected);
  });

  it('match as the standard says', () => {
    fc.assert(
      fc.property(filter, name, (pattern, text) => {
        expect(filterMatches(pattern, text)).toBe(matchesByTheBook(pattern, text));
      }),
      { numRuns: 3000 },
    );
  });

  it('that cover another match all that it matches, and overlap with it', () => {
    fc.assert(
      fc.property(filter, filter, name, (outer, inner, text) => {
        if (filterCovers(outer, inner) && filterMatches(inner, text)) expect(filterMatches(outer, text)).toBe(true);
        if (filterMatches(outer, text) && filterMatches(inner, text)) expect(filtersOverlap(outer, inner)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it.each(['sport+', 'a/#/b', 'a#', '+a/b', '', 'a\0b', 'x'.repeat(65_536)])('refuses %j', (text) => {
    expect(topicFilterFault(text)).toBeTypeOf('string');
  });

  it.each(['a/+', '#', '', 'a\0'])('refuses the name %j', (text) => {
    expect(topicNameFault(text)).toBeTypeOf('string');
  });
});

describe('the length in UTF-8', () => {
  it('is what Node writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
    );
    for (const text of ['\ud83d', '\ude00', '\ud83d\ude00', 'é€😀a'])
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
  });
});

describe('the subscription trie', () => {
  it('finds what each filter alone would match, through adding and removing', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(filter, fc.nat(3), fc.boolean()), { maxLength: 20 }), name, (steps, text) => {
        const trie = new SubscriptionTrie<number, string>();
        const model = new Map<string, string>();
        for (const [pattern, subscriber, add] of steps) {
          const key = `${subscriber} ${pattern}`;
          if (add) trie.add(pattern, subscriber, pattern);
          else trie.remove(pattern, subscriber);
          if (add) model.set(key, pattern);
          else model.delete(key);
        }
        const found: string[] = [];
        trie.match(text, (subscriber, pattern) => found.push(`${subscriber} ${pattern}`));
        const expected = [...model].filter(([, pattern]) => filterMatches(pattern, text)).map(([key]) => key);
        expect(found.sort()).toEqual(expected.sort());
        expect(trie.size).toBe(model.size);
      }),
      { numRuns: 1000 },
    );
  });

  it('says that what was found stands only where no change since then concerns the topic', () => {
    const change = fc.oneof(
      { weight: 10, arbitrary: fc.record({ filter, subscriber: fc.constantFrom('s', 't'), adds: fc.boolean() }) },
      { weight: 1, arbitrary: fc.constant(null) },
    );
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 20 }),
        fc.array(change, { maxLength: 5 }),
        name,
        (before, after, text) => {
          const trie = new SubscriptionTrie<string, number>();
          let value = 0;
          const apply = (one: (typeof before)[number]): void => {
            if (one === null) trie.changedAll();
            else if (one.adds) trie.add(one.filter, one.subscriber, ++value);
            else trie.remove(one.filter, one.subscriber);
          };
          const found = (): string[] => {
            const all: string[] = [];
            trie.match(text, (subscriber, of) => all.push(`${subscriber}${of}`));
            return all;
          };
          before.forEach(apply);
          const { generation } = trie;
          const first = found();
          after.forEach(apply);
          if (trie.stands(text, generation, 100)) {
            expect(after).not.toContain(null);
            expect(found()).toEqual(first);
          } else expect(after.some((one) => one === null || filterMatches(one.filter, text))).toBe(true);
        },
      ),
    );
  });

  it('knows of a thousand changes, of none with a long filter, and looks at no more than it is asked to', () => {
    const trie = new SubscriptionTrie<string, number>();
    const { generation } = trie;
    for (let n = 0; n < 1024; n++) trie.add(`other/${n}`, 's', 1);
    expect(trie.stands('a', generation, 2000)).toBe(true);
    expect(trie.stands('a', generation, 1000)).toBe(false);
    expect(trie.stands('other/3', generation, 2000)).toBe(false);
    trie.add('other/1024', 's', 1);
    expect(trie.stands('a', generation, 2000)).toBe(false);
    const later = trie.generation;
    expect(trie.stands('a', later, 0)).toBe(true);
    trie.add('x'.repeat(300), 's', 1);
    expect(trie.stands('a', later, 2000)).toBe(false);
  });

  it('takes a filter and a topic of 65,535 levels', () => {
    const trie = new SubscriptionTrie<number, number>();
    const deep = '/'.repeat(65_535);
    trie.add(deep, 1, 1);
    trie.add('#', 2, 2);
    const found: number[] = [];
    trie.match(deep, (subscriber) => found.push(subscriber));
    expect(found.sort()).toEqual([1, 2]);
    trie.remove(deep, 1);
    expect(trie.size).toBe(1);
  });
});

describe('the topic table', () => {
  const lookup = (table: TopicTable<unknown>, text: string) => {
    const bytes = Buffer.from(`..${text}..`);
    return table.lookup(bytes, 2, bytes.length - 2);
  };

  it('gives one entry for the same bytes and keeps its own copy of them', () => {
    const table = new TopicTable<unknown>();
    const bytes = Buffer.from('sensors/é');
    const first = table.lookup(bytes, 0, bytes.length);
    bytes.fill(0);
    expect(first.name).toBe('sensors/é');
    expect(lookup(table, 'sensors/é')).toBe(first);
  });

  it('is full sooner when names are long, so that its bytes are bounded too', () => {
    const table = new TopicTable<unknown>(1024);
    const long = 'x'.repeat(60_000);
    for (let i = 0; i < 100; i++) lookup(table, `${i}/${long}`);
    expect(table.size).toBeLessThan(10);
    for (let i = 0; i < 2000; i++) lookup(table, `short/${i}`);
    expect(table.size).toBeGreaterThan(500);
  });

  it('remembers every topic at first, later those that come again', () => {
    const table = new TopicTable<unknown>();
    const known = lookup(table, 'known');
    for (let i = 0; i < 10_000; i++) lookup(table, `once/${i}`);
    expect(table.size).toBe(4096);
    expect(lookup(table, 'known')).toBe(known);
    const first = lookup(table, 'again');
    const second = lookup(table, 'again');
    expect(second).not.toBe(first);
    expect(lookup(table, 'again')).toBe(second);
    expect(table.size).toBe(4097);
  });

  it('stays bounded and still answers rightly', () => {
    const table = new TopicTable<unknown>(64);
    for (let i = 0; i < 10_000; i++) expect(lookup(table, `t/${i}`).name).toBe(`t/${i}`);
    expect(table.size).toBeLessThanOrEqual(64);
  });

  it.each([[''], ['a/+'], ['a\0']])('refuses the name %j', (text) => {
    expect(() => lookup(new TopicTable(), text)).toThrow(TopicNameError);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => new TopicTable().lookup(Buffer.from([0x61, 0xff]), 0, 2)).toThrow(TopicNameError);
  });
});

describe('the retained index', () => {
  it('gives by filter what each name alone would match, through setting and deleting', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.boolean()), { maxLength: 20 }), filter, (steps, pattern) => {
        const index = new RetainedIndex<number>();
        const model = new Map<string, number>();
        steps.forEach(([text, add], i) => {
          if (add) index.set(text, i);
          else index.delete(text);
          if (add) model.set(text, i);
          else model.delete(text);
        });
        const expected = [...model].filter(([text]) => filterMatches(pattern, text));
        expect(new Map(index.matching(pattern))).toEqual(new Map(expected));
        expect(index.size).toBe(model.size);
      }),
      { numRuns: 1000 },
    );
  });

  it('can be changed while a cursor stands in it', () => {
    const index = new RetainedIndex<number>();
    for (let i = 0; i < 100; i++) index.set(`a/${i}`, i);
    const cursor = index.matching('a/+');
    cursor.next();
    for (let i = 0; i < 50; i++) index.delete(`a/${i}`);
    index.set('a/new', 1);
    const rest = [...cursor].map(([text]) => text);
    expect(rest).toContain('a/99');
    expect(rest).not.toContain('a/49');
  });
});
