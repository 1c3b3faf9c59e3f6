import { describe, expect, it } from 'vitest';
import type { TreeChild } from './digest.ts';
import { ROOT_DIGEST, treeDigest } from './digest.ts';
import type { ChildList, TreeModel } from './tree-model.ts';
import { ancestorsOf, mergeFrame, topicCount, visibleRows } from './tree-model.ts';

function child(topic: string, more: Partial<TreeChild> = {}): TreeChild {
  const name = topic.split('/').at(-1) ?? '';
  const own = more.own ?? (more.children ?? 0) === 0;
  return {
    name,
    topic,
    own,
    children: 0,
    topics: 1,
    messages: 1,
    payload: own ? '1' : null,
    bytes: own ? 1 : 0,
    binary: false,
    retained: false,
    at: own ? 1_700_000_000_000_000 : null,
    ...more,
  };
}

const list = (...rows: TreeChild[]): ChildList => mergeFrame(undefined, { full: true, more: 0, rows });
const all = () => true;
const labels = (model: TreeModel, isOpen: (node: TreeChild) => boolean = all) =>
  visibleRows(model, isOpen).map((row) =>
    row.kind === 'node' ? `${'  '.repeat(row.depth)}${row.label}` : `+${row.count}`,
  );

describe('merging frames of a tree digest', () => {
  it('replaces every row on a full frame', () => {
    const before = list(child('a'), child('b'));
    expect(mergeFrame(before, { full: true, more: 2, rows: [child('c')] })).toEqual({ rows: [child('c')], more: 2 });
  });

  it('changes only the rows of a later frame and keeps the identity of the others', () => {
    const before = list(child('a'), child('b'));
    const after = mergeFrame(before, { full: false, more: 0, rows: [child('b', { payload: '2' })] });
    expect(after.rows[0]).toBe(before.rows[0]);
    expect(after.rows[1]?.payload).toBe('2');
  });

  it('puts a new row at its place by name, numbers by value', () => {
    const before = list(child('dev2'), child('dev10'));
    const after = mergeFrame(before, { full: false, more: 0, rows: [child('dev9')] });
    expect(after.rows.map((row) => row.name)).toEqual(['dev2', 'dev9', 'dev10']);
  });

  it('takes the first frame of a list as its beginning even when it is not full', () => {
    expect(mergeFrame(undefined, { full: false, more: 0, rows: [child('a')] }).rows).toHaveLength(1);
  });
});

describe('the rows of the tree', () => {
  const sensors = child('/sensors', { children: 2, own: false, topics: 2 });
  const empty = child('', { name: '', children: 1, own: false, topics: 2 });
  const model: TreeModel = new Map([
    [ROOT_DIGEST, list(empty, child('door'))],
    [treeDigest(''), list(sensors)],
    [treeDigest('/sensors'), list(child('/sensors/t'), child('/sensors/h'))],
  ]);

  it('draws an empty first level together with its only child', () => {
    expect(labels(model)).toEqual(['/sensors', '  h', '  t', 'door']);
  });

  it('tells how many levels a label covers', () => {
    const [first] = visibleRows(model, all);
    expect(first?.kind === 'node' && first.levels).toBe(2);
  });

  it('shows the bare node while its only child is not known yet', () => {
    expect(labels(new Map([[ROOT_DIGEST, list(empty)]]))).toEqual(['/']);
  });

  it('hides what is below a closed node', () => {
    expect(labels(model, () => false)).toEqual(['/sensors', 'door']);
  });

  it('keeps a row of its own for a node that holds a value, even with one child', () => {
    const both = child('a', { children: 1, own: true, topics: 2 });
    const held: TreeModel = new Map([
      [ROOT_DIGEST, list(both)],
      [treeDigest('a'), list(child('a/b'))],
    ]);
    expect(labels(held)).toEqual(['a', '  b']);
  });

  it('says how many children are not listed', () => {
    const bounded = new Map([[ROOT_DIGEST, { rows: [child('a')], more: 41 }]]);
    expect(labels(bounded)).toEqual(['a', '+41']);
  });

  it('counts the topics of the whole namespace', () => {
    expect(topicCount(model)).toBe(3);
  });
});

it('lists the nodes above a topic, the empty first level too', () => {
  expect(ancestorsOf('/a/b')).toEqual(['', '/a']);
  expect(ancestorsOf('a')).toEqual([]);
});
