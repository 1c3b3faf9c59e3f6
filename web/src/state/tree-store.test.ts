import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TreeChild } from '../model/digest.ts';
import { ROOT_DIGEST, treeDigest } from '../model/digest.ts';
import type { Link } from '../net/link.ts';
import { createTopicMemories } from './topic-memory.ts';
import { createTreeStore } from './tree-store.ts';

/** A broker that holds still: it notes what is watched, and says what the test gives it. */
function fakeLink() {
  const watched = new Map<string, (text: string) => void>();
  const link: Link = {
    state: () => ({ phase: 'connected', detail: '', sinceMs: 0, epoch: 1 }),
    onState: () => () => {},
    watch: (digest, onFrame) => {
      watched.set(digest, onFrame);
      return () => watched.delete(digest);
    },
    publish: () => Promise.resolve(),
    end: () => {},
  };
  const say = (digest: string, children: readonly Partial<TreeChild>[]) =>
    watched.get(digest)?.(JSON.stringify({ full: true, more: 0, children }));
  return { link, watched, say };
}

const node = (topic: string, children: number, topics = children): Partial<TreeChild> => ({
  name: topic.split('/').at(-1) ?? '',
  topic,
  own: children === 0,
  children,
  topics: children === 0 ? 1 : topics,
  messages: 1,
  payload: children === 0 ? '1' : null,
  bytes: 1,
  at: 1,
});

describe('which digests the tree watches', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('requestAnimationFrame', (draw: () => void) => setTimeout(draw, 0));
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  function open() {
    const fake = fakeLink();
    const store = createTreeStore(fake.link, createTopicMemories());
    const settle = () => {
      vi.advanceTimersByTime(1);
      store.show(store.snapshot().rows);
    };
    return { ...fake, store, settle };
  }

  it('begins with the root alone and never asks for #', () => {
    const { watched } = open();
    expect([...watched.keys()]).toEqual([ROOT_DIGEST]);
  });

  it('opens a small tree by itself, level by level', () => {
    const { watched, say, settle, store } = open();
    say(ROOT_DIGEST, [node('', 1, 2)]);
    settle();
    say(treeDigest(''), [node('/sensors', 2)]);
    settle();
    say(treeDigest('/sensors'), [node('/sensors/t', 0), node('/sensors/h', 0)]);
    settle();
    expect(store.snapshot().rows.map((row) => row.kind === 'node' && row.label)).toEqual(['/sensors', 'h', 't']);
    expect([...watched.keys()]).toEqual([ROOT_DIGEST, treeDigest(''), treeDigest('/sensors')]);
  });

  it('leaves a large tree closed and lets a node go after it is closed again', () => {
    const { watched, say, settle, store } = open();
    say(ROOT_DIGEST, [node('fleet', 500), node('lab', 300)]);
    settle();
    expect([...watched.keys()]).toEqual([ROOT_DIGEST]);
    const row = store.snapshot().rows[0];
    if (row?.kind !== 'node') throw new Error('no row');
    store.toggle(row.node, true);
    settle();
    expect(watched.has(treeDigest('fleet'))).toBe(true);
    store.toggle(row.node, false);
    settle();
    vi.advanceTimersByTime(5000);
    expect([...watched.keys()]).toEqual([ROOT_DIGEST]);
  });

  it('does not look into chains when there are many of them on the screen', () => {
    const { watched, say, settle } = open();
    say(
      ROOT_DIGEST,
      Array.from({ length: 80 }, (_, i) => node(`dev${i}`, 1)),
    );
    settle();
    expect(watched.size).toBe(1);
  });

  it('stays below what the broker gives one viewer, however tall the screen', () => {
    const { watched, say, settle, store } = open();
    const names = Array.from({ length: 90 }, (_, i) => `n${i}`);
    say(
      ROOT_DIGEST,
      names.map((name) => node(name, 5)),
    );
    settle();
    for (const row of store.snapshot().rows) if (row.kind === 'node') store.toggle(row.node, true);
    settle();
    expect(watched.size).toBeLessThanOrEqual(48);
    expect(watched.size).toBeGreaterThan(40);
  });
});
