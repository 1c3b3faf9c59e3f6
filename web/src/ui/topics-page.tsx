import { useMediaQuery } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { parseSearch } from '../model/search.ts';
import { topicCount } from '../model/tree-model.ts';
import { useApp } from '../state/app-context.tsx';
import { go, useView } from '../state/view.ts';
import { EmptyState } from './empty-state.tsx';
import { PublishPane } from './publish-pane.tsx';
import { SearchResults } from './search-results.tsx';
import { TopicPane } from './topic-pane.tsx';
import { TreeHead } from './tree-head.tsx';
import { TreeView } from './tree-view.tsx';

/** Arm's length: the tree at the left, what was chosen at the right; on narrow screens one at a time. */
export function TopicsPage(): ReactNode {
  const { tree } = useApp();
  const { topic, publish, search } = useView();
  const snapshot = useSyncExternalStore(tree.subscribe, tree.snapshot);
  const wide = useMediaQuery('(min-width: 1000px)', true, { getInitialValueInEffect: false });
  const query = useMemo(() => parseSearch(search), [search]);
  const empty = snapshot.loaded && snapshot.rows.length === 0;

  useEffect(() => {
    if (topic !== null) tree.reveal(topic);
  }, [topic, tree]);

  if (empty && topic === null && !publish) return <EmptyState />;

  const pane = topic !== null ? <TopicPane topic={topic} /> : <PublishPane closable={!wide} />;
  const paneOpen = topic !== null || publish;
  return (
    <div className="topics" data-pane={paneOpen || undefined}>
      {(wide || !paneOpen) && (
        <section className="tree-side" aria-label="Topics">
          <TreeHead topics={topicCount(snapshot.model)} onPublish={wide ? null : () => go({ publish: true })} />
          {query === null ? (
            <TreeView snapshot={snapshot} selected={topic} />
          ) : (
            <SearchResults query={query} text={search} selected={topic} />
          )}
        </section>
      )}
      {(wide || paneOpen) && (
        <section key={topic ?? ''} className="pane-side" aria-label={topic ?? 'Publish'}>
          {pane}
        </section>
      )}
    </div>
  );
}
