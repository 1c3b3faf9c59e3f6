import { useSyncExternalStore } from 'react';
import type { View } from '../model/view-url.ts';
import { formatView, isStep, parseView } from '../model/view-url.ts';
import { createCell } from './frame.ts';

const view = createCell<View>(parseView(location.search));

window.addEventListener('popstate', () => view.set(parseView(location.search)));

/** The view that the address describes. */
export function useView(): View {
  return useSyncExternalStore(view.subscribe, view.get);
}

/** Changes the view and the address with it; another topic is a step that the back button undoes. */
export function go(change: Partial<View>): void {
  const from = view.get();
  const to = { ...from, ...change };
  const address = `${location.pathname}${formatView(to)}`;
  try {
    if (isStep(from, to)) history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  } catch {
    // Some browsers allow a hundred changes in half a minute; the next change puts the address right.
  }
  view.set(to);
}
