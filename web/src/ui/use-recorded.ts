import { useEffect, useState } from 'react';
import { useApp } from '../state/app-context.tsx';

const NONE: readonly string[] = [];

/**
 * Topics that history knows, of at most `limit` series: after a restart the broker knows only what was published since,
 * and the rest is on disk all the same. Empty while unknown, and when history cannot answer.
 */
export function useRecorded(filter: string, limit: number): readonly string[] {
  const { rest } = useApp();
  const [topics, setTopics] = useState(NONE);
  useEffect(() => {
    const abort = new AbortController();
    rest.series(filter, limit, abort.signal).then(
      (series) => setTopics([...new Set(series.map((one) => one.topic))]),
      () => setTopics(NONE),
    );
    return () => abort.abort();
  }, [rest, filter, limit]);
  return topics;
}
