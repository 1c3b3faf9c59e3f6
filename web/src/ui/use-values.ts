import { useEffect, useState } from 'react';
import type { Preview } from '../model/digest.ts';
import { useApp } from '../state/app-context.tsx';
import type { ValuesOptions, ValuesStore } from '../state/values-store.ts';
import { createValuesStore } from '../state/values-store.ts';

const NOTHING: ValuesStore = {
  snapshot: () => EMPTY,
  subscribe: () => () => {},
  end: () => {},
};
const EMPTY = { rows: new Map<string, Preview>(), more: 0, loaded: false };

/** Watches the topics of a filter while the component is there. `options` must keep its identity. */
export function useValues(filter: string, options?: ValuesOptions): ValuesStore {
  const { link, memories } = useApp();
  const [store, setStore] = useState<ValuesStore>(NOTHING);
  useEffect(() => {
    const made = createValuesStore(link, memories, filter, options);
    setStore(made);
    return () => {
      setStore(NOTHING);
      made.end();
    };
  }, [link, memories, filter, options]);
  return store;
}
