import type { Range } from './ranges.ts';
import { parseRange } from './ranges.ts';

/** All that the address holds: who opens it sees the same view. */
export type View = {
  /** The topic whose pane is open; null when none is (`''` cannot be a topic). */
  readonly topic: string | null;
  /** Chosen fields, in the order of choice; empty lets the page choose. */
  readonly fields: readonly string[];
  readonly range: Range;
  /** The search text. */
  readonly search: string;
  /** The publish form on its own. */
  readonly publish: boolean;
};

export const FIRST_VIEW: View = { topic: null, fields: [], range: { kind: '15m' }, search: '', publish: false };

/** Reads `location.search`. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  return {
    topic: params.get('topic') || null,
    fields: params.getAll('field').filter((field) => field !== ''),
    range: parseRange(params.get('range'), params.get('from'), params.get('to')),
    search: params.get('q') ?? '',
    publish: params.get('publish') === '1',
  };
}

/** The address' query with its question mark, or `''`; what is as at first is left out. */
export function formatView(view: View): string {
  const params = new URLSearchParams();
  if (view.topic !== null) params.set('topic', view.topic);
  for (const field of view.fields) params.append('field', field);
  if (view.range.kind !== '15m') params.set('range', view.range.kind);
  if (view.range.kind === 'custom') {
    params.set('from', new Date(view.range.fromMs).toISOString());
    params.set('to', new Date(view.range.toMs).toISOString());
  }
  if (view.search !== '') params.set('q', view.search);
  if (view.publish) params.set('publish', '1');
  // A topic's slashes are legal in a query and easier to read than %2F.
  const text = params.toString().replaceAll('%2F', '/');
  return text === '' ? '' : `?${text}`;
}

/** Whether going from one to the other deserves a step of its own in the browser's history. */
export function isStep(from: View, to: View): boolean {
  return from.topic !== to.topic || from.publish !== to.publish;
}
