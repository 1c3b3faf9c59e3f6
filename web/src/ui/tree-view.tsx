import { useComputedColorScheme } from '@mantine/core';
import type { KeyboardEvent, ReactNode } from 'react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { formatCount } from '../model/format.ts';
import type { TreeRow } from '../model/tree-model.ts';
import { useApp, useNow } from '../state/app-context.tsx';
import type { SparkSeeds } from '../state/spark-seeds.ts';
import { createSparkSeeds } from '../state/spark-seeds.ts';
import type { TreeSnapshot } from '../state/tree-store.ts';
import { go } from '../state/view.ts';
import { ColumnHeads } from './column-heads.tsx';
import { TopicRow } from './topic-row.tsx';
import { useVirtualRows } from './use-virtual-rows.ts';

type Props = { readonly snapshot: TreeSnapshot; readonly selected: string | null };

/** The live tree: virtual, driven by keys as well as by pointer, subscribed only to what is on the screen. */
export function TreeView({ snapshot, selected }: Props): ReactNode {
  const { tree, rest, memories, nowMs: serverMs } = useApp();
  const { rows } = snapshot;
  const nowMs = useNow();
  const scheme = useComputedColorScheme('dark');
  const [active, setActive] = useState<string | null>(null);
  const [, setSeeded] = useState(0);
  const seeds = useRef<SparkSeeds | null>(null);
  const virtual = useVirtualRows(rows.length);
  const shown = useMemo(() => rows.slice(virtual.from, virtual.to), [rows, virtual.from, virtual.to]);

  useEffect(() => {
    const made = createSparkSeeds(rest, memories, serverMs, () => setSeeded((n) => n + 1));
    seeds.current = made;
    return () => made.end();
  }, [rest, memories, serverMs]);
  useEffect(() => {
    tree.show(shown);
    seeds.current?.want(shown.flatMap((row) => (row.kind === 'node' && row.node.own ? [row.node.topic] : [])));
  }, [tree, shown]);

  const activate = (row: TreeRow | undefined): void => {
    if (row?.kind !== 'node') return;
    setActive(row.digest);
    if (row.node.own) go({ topic: row.node.topic, fields: [], publish: false });
    else tree.toggle(row.node, !row.open);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const at = rows.findIndex((row) => row.kind === 'node' && row.digest === active);
    const row = rows[at];
    const move = (to: number): void => {
      const next = Math.max(0, Math.min(rows.length - 1, to));
      setActive(rows[next]?.digest ?? null);
      virtual.scrollTo(next);
    };
    if (event.key === 'ArrowDown') move(at + 1);
    else if (event.key === 'ArrowUp') move(at - 1);
    else if (event.key === 'Home') move(0);
    else if (event.key === 'End') move(rows.length - 1);
    else if (event.key === 'Enter' || event.key === ' ') activate(row);
    else if (event.key === 'ArrowRight' && row?.kind === 'node' && row.node.children > 0) {
      if (row.open) move(at + 1);
      else tree.toggle(row.node, true);
    } else if (event.key === 'ArrowLeft' && row?.kind === 'node') {
      if (row.open) tree.toggle(row.node, false);
      else move(rows.findLastIndex((other, index) => index < at && other.depth < row.depth));
    } else return;
    event.preventDefault();
  };

  return (
    <>
      <ColumnHeads />
      <div
        ref={virtual.box}
        className="rows"
        role="tree"
        aria-label="Topics"
        tabIndex={0}
        aria-activedescendant={active === null ? undefined : rowId(active)}
        onKeyDown={onKeyDown}
      >
        <div style={{ height: rows.length * virtual.rowHeight, position: 'relative' }}>
          {shown.map((row, i) => {
            const style = { top: (virtual.from + i) * virtual.rowHeight, height: virtual.rowHeight };
            if (row.kind === 'more') {
              return (
                <div key={`${row.digest}+`} className="row more" style={style}>
                  <span className="quiet" style={{ paddingLeft: 16 * row.depth + 28 }}>
                    {formatCount(row.count)} more here, not listed. Search with a filter to reach them.
                  </span>
                </div>
              );
            }
            const { node } = row;
            return (
              <TopicRow
                key={row.digest}
                id={rowId(row.digest)}
                style={style}
                label={row.label}
                depth={row.depth}
                topic={node.topic}
                node={node}
                open={row.open}
                memory={node.own ? memories.get(node.topic) : undefined}
                nowMs={nowMs}
                scheme={scheme}
                selected={selected === node.topic}
                active={active === row.digest}
                onActivate={() => activate(row)}
                onToggle={() => tree.toggle(node, !row.open)}
              />
            );
          })}
        </div>
      </div>
    </>
  );
}

function rowId(digest: string): string {
  return `row:${digest}`;
}
