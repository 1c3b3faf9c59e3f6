import { useComputedColorScheme } from '@mantine/core';
import type { ReactNode } from 'react';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { formatCount } from '../model/format.ts';
import type { Search } from '../model/search.ts';
import { markOf } from '../model/search.ts';
import { useApp, useNow } from '../state/app-context.tsx';
import { go } from '../state/view.ts';
import { ColumnHeads } from './column-heads.tsx';
import { RecordedList } from './recorded-list.tsx';
import { TopicRow } from './topic-row.tsx';
import { useRecorded } from './use-recorded.ts';
import { useValues } from './use-values.ts';
import { useVirtualRows } from './use-virtual-rows.ts';

type Props = { readonly query: Search; readonly text: string; readonly selected: string | null };

const MOST_RECORDED = 8;
const byTopic = new Intl.Collator(undefined, { numeric: true });

/** Topics that match the search, flat and live. */
export function SearchResults({ query, text, selected }: Props): ReactNode {
  const { memories, tree } = useApp();
  const nowMs = useNow();
  const scheme = useComputedColorScheme('dark');
  const store = useValues(query.filter, query);
  const { rows, more, loaded } = useSyncExternalStore(store.subscribe, store.snapshot);
  const found = useMemo(() => [...rows.values()].sort((a, b) => byTopic.compare(a.topic, b.topic)), [rows]);
  const recorded = useRecorded(query.filter, 10_000);
  const diskOnly = useMemo(
    () => recorded.filter((topic) => query.keeps(topic) && !rows.has(topic)),
    [recorded, query, rows],
  );
  const virtual = useVirtualRows(found.length);

  // The tree is not on the screen while its place shows results.
  useEffect(() => tree.show([]), [tree]);

  return (
    <>
      <p className="search-facts" role="status">
        {loaded ? `${formatCount(found.length)} found for “${text.trim()}”` : 'Asking the broker…'}
        {more > 0 && (
          <span className="note warn">
            {formatCount(more)} more topics were not looked through: the list is bounded. A filter such as{' '}
            <code>lab/+/temp</code> or <code>lab/#</code> narrows it at the broker.
          </span>
        )}
        {loaded && found.length === 0 && more === 0 && (
          <span className="quiet">
            {' '}
            Words are looked for inside topic names; + and # in place of a whole level make it an MQTT filter.
          </span>
        )}
      </p>
      <RecordedList
        topics={loaded ? diskOnly.slice(0, MOST_RECORDED) : []}
        title="Only on disk, not published since the broker started"
      />
      <ColumnHeads />
      <div ref={virtual.box} className="rows" role="tree" aria-label="Search results">
        <div style={{ height: found.length * virtual.rowHeight, position: 'relative' }}>
          {found.slice(virtual.from, virtual.to).map((row, i) => (
            <TopicRow
              key={row.topic}
              id={`found:${row.topic}`}
              style={{ top: (virtual.from + i) * virtual.rowHeight, height: virtual.rowHeight }}
              label={<Marked topic={row.topic} text={query.exact ? '' : text} />}
              depth={0}
              topic={row.topic}
              memory={memories.get(row.topic)}
              nowMs={nowMs}
              scheme={scheme}
              selected={selected === row.topic}
              active={false}
              onActivate={() => go({ topic: row.topic, fields: [], publish: false })}
            />
          ))}
        </div>
      </div>
    </>
  );
}

function Marked({ topic, text }: { readonly topic: string; readonly text: string }): ReactNode {
  const mark = markOf(text, topic);
  if (mark === null) return topic;
  return (
    <>
      {topic.slice(0, mark[0])}
      <mark>{topic.slice(mark[0], mark[1])}</mark>
      {topic.slice(mark[1])}
    </>
  );
}
