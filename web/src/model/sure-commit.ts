/**
 * Up to which arrival all is on disk, from the times at which commits ended. What arrived while a batch was being written is
 * not in it, though it is older than the end of the commit; but it is in the next batch, which is taken up after that. So
 * the end of a commit is sure for arrivals once a later commit has been seen, and only while history keeps up.
 */
export type SureCommit = { readonly lastUs: number | null; readonly sureUs: number | null };

export const NOTHING_SURE: SureCommit = { lastUs: null, sureUs: null };

/** Learns from one report of the server; `keepsUp` is false while history is behind, down or starting. */
export function nextSure(before: SureCommit, lastCommitUs: number | null, keepsUp: boolean): SureCommit {
  if (lastCommitUs === null || lastCommitUs === before.lastUs) return before;
  return { lastUs: lastCommitUs, sureUs: keepsUp ? before.lastUs : before.sureUs };
}
