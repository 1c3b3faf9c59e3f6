import { useEffect, useState } from 'react';
import type { Series } from '../net/rest.ts';
import { RestError } from '../net/rest.ts';
import { useApp } from '../state/app-context.tsx';

const AGAIN_MS = 15_000;
const MOST_FIELDS = 1000;

/** What history knows of a topic: asked now, after each reconnect, and now and then, since fields may be added. */
export function useSeries(
  topic: string,
  epoch: number,
): { readonly series: readonly Series[]; readonly fault: string } {
  const { rest } = useApp();
  const [state, setState] = useState<{ readonly series: readonly Series[]; readonly fault: string }>({
    series: [],
    fault: '',
  });
  // `epoch` is not read inside: another connection is a reason to ask again.
  useEffect(() => {
    const abort = new AbortController();
    const ask = async (): Promise<void> => {
      if (document.hidden) return;
      try {
        const series = await rest.series(topic, MOST_FIELDS, abort.signal);
        setState({ series, fault: '' });
      } catch (error) {
        if (abort.signal.aborted) return;
        const absent = error instanceof RestError && error.status === 404;
        setState((before) => ({ ...before, fault: absent ? '' : (error as Error).message }));
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), AGAIN_MS);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [rest, topic, epoch]);
  return state;
}
