import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterMatches } from '../topics/index.ts';
import { freeRules, makeRig, type Row, rulesFor, type TestViewer } from './testing/rig.ts';

type Message = { readonly payload: string; readonly retain: boolean; readonly atUs: number; readonly messages: number };
type World = Map<string, Message>;

const rules = [freeRules, freeRules, rulesFor((topic) => topic.includes('b'))];
const topics = ['a', 'a/b', 'a/b/c', 'a/c', '/a', '/', '//', 'b', 'b/', '$x/b', 'b/é', '__proto__', '__proto__/b'];
const trees = [
  '$sonde/tree',
  '$sonde/tree/',
  '$sonde/tree/a',
  '$sonde/tree/a%2Fb',
  '$sonde/tree/b',
  '$sonde/tree/%24x',
];
const values = ['#', 'a/#', '+', '+/b', 'a/b', '__proto__'].map(
  (filter) => `$sonde/values/${encodeURIComponent(filter)}`,
);

const viewer = fc.nat(rules.length - 1);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      topic: fc.constantFrom(...topics),
      payload: fc.constantFrom('', '1', '22.25', '{"é":"\\u0000"}'),
      retain: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 50, 100, 700) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('subscribe' as const),
      viewer,
      topic: fc.constantFrom(...trees, ...values),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('unsubscribe' as const),
      viewer,
      topic: fc.constantFrom(...trees, ...values),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), viewer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('slow' as const), viewer, slow: fc.boolean() }) },
);

/** What a values digest is to add up to, as plainly as can be. */
function valuesOf(world: World, filter: string, sees: (topic: string) => boolean): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const [topic, last] of world) {
    if (sees(topic) && filterMatches(filter, topic))
      rows.set(topic, { topic, ...lastOf(last), messages: last.messages });
  }
  return rows;
}

/** The children of a node, found anew from the list of topics. */
function childrenOf(world: World, text: string | null, sees: (topic: string) => boolean): Map<string, Row> {
  const rows = new Map<string, Row>();
  const prefix = text === null ? '' : `${text}/`;
  const below = [...world.keys()].filter((topic) => sees(topic) && topic.startsWith(prefix));
  for (const topic of below) {
    const name = topic.slice(prefix.length).split('/')[0] as string;
    const child = prefix + name;
    const family = below.filter((other) => other === child || other.startsWith(`${child}/`));
    const grandchildren = family.filter((other) => other !== child).map((other) => other.slice(child.length + 1));
    const own = sees(child) ? world.get(child) : undefined;
    rows.set(child, {
      name,
      topic: child,
      own: own !== undefined,
      children: new Set(grandchildren.map((rest) => rest.split('/')[0])).size,
      topics: family.length,
      messages: family.reduce((sum, other) => sum + (world.get(other)?.messages ?? 0), 0),
      ...(own ? lastOf(own) : { payload: null, bytes: 0, binary: false, retained: false, at: null }),
    });
  }
  return rows;
}

function lastOf(message: Message): Row {
  const bytes = Buffer.byteLength(message.payload);
  const retained = message.retain && bytes > 0;
  return { payload: message.payload, bytes, binary: false, retained, at: message.atUs };
}

function expectedOf(world: World, digest: string, sees: (topic: string) => boolean): Map<string, Row> {
  const level = decodeURIComponent(digest.split('/')[2] ?? '');
  if (digest.startsWith('$sonde/values/')) return valuesOf(world, level, sees);
  return childrenOf(world, digest === '$sonde/tree' ? null : level, sees);
}

describe('the frames of a viewer', () => {
  it.each([
    { name: 'in whole rounds', lookMs: 0 },
    { name: 'in rounds cut into turns', lookMs: 0.7 },
  ])('add up to the index, whatever is published and however slow it is, $name', ({ lookMs }) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        // Two rows a frame, and a topic table that forgets: every edge is near.
        const rig = makeRig({ lookMs, tableSize: 4, limits: { entriesPerFrame: 2, turnMs: 1 } });
        const viewers = rules.map((rule) => rig.viewer(rule));
        const watching = viewers.map(() => new Set<string>());
        const world: World = new Map();
        for (const at of steps) {
          if (at.kind === 'publish') {
            const messages = (world.get(at.topic)?.messages ?? 0) + 1;
            world.set(at.topic, { payload: at.payload, retain: at.retain, atUs: rig.nowUs(), messages });
            rig.publish(at.topic, at.payload, { retain: at.retain });
            continue;
          }
          if (at.kind === 'wait') {
            rig.advance(at.ms);
            continue;
          }
          const who = viewers[at.viewer] as TestViewer;
          const mine = watching[at.viewer] as Set<string>;
          if (at.kind === 'slow') who.accepts = !at.slow;
          if (at.kind === 'subscribe') {
            expect(rig.live.computed.subscribe(who, at.topic)).toBe('granted');
            mine.add(at.topic);
            who.merged.delete(at.topic);
          }
          if (at.kind === 'unsubscribe')
            expect(rig.live.computed.unsubscribe(who, at.topic)).toBe(mine.delete(at.topic));
          if (at.kind === 'forget') {
            rig.live.computed.forget(who);
            mine.clear();
          }
        }
        for (const who of viewers) who.accepts = true;
        rig.advance(20_000);
        viewers.forEach((who, i) => {
          for (const digest of watching[i] as Set<string>) {
            const merged = who.merged.get(digest) ?? new Map();
            const expected = expectedOf(world, digest, who.principal.rules.mayReceive);
            expect(Object.fromEntries(merged)).toEqual(Object.fromEntries(expected));
            expect(who.more.get(digest)).toBe(0);
          }
          const atMs = who.frames.map((frame) => frame.atMs);
          for (let n = 10; n < atMs.length; n++)
            expect((atMs[n] as number) - (atMs[n - 10] as number)).toBeGreaterThan(999);
        });
        const quiet = viewers.map((who) => who.frames.length);
        rig.advance(5000);
        expect(viewers.map((who) => who.frames.length)).toEqual(quiet);
        expect(rig.timers()).toBe(watching.some((mine) => mine.size > 0) ? 1 : 0);
      }),
      { numRuns: 100 },
    );
  });
});
