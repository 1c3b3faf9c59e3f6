/**
 * What is committed of one source: stretches of numbers, from `first` to `last`. A number is in history when it lies in one.
 *
 * One number would not do. Where a history file was exchanged for another one, messages between two stretches went to that
 * other one, and are not here.
 */
export type Stretch = { readonly source: string; readonly first: number; readonly last: number };

/** Whether all from `first` to `last` is in one stretch of the source. */
export function covers(stretches: readonly Stretch[], source: string, first: number, last: number): boolean {
  return stretches.some((stretch) => stretch.source === source && stretch.first <= first && stretch.last >= last);
}

/** The stretches of one source with one more, which takes those in that it meets. Sorted, and apart from each other. */
export function join(stretches: readonly Stretch[], added: Stretch): readonly Stretch[] {
  let { first, last } = added;
  const apart: Stretch[] = [];
  for (const stretch of stretches) {
    if (stretch.last + 1 < first || stretch.first > last + 1) apart.push(stretch);
    else {
      first = Math.min(first, stretch.first);
      last = Math.max(last, stretch.last);
    }
  }
  return [...apart, { source: added.source, first, last }].sort((a, b) => a.first - b.first);
}
