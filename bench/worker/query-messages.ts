/** What the process that asks history is to do, and what it reports when told to stop. */
export type QueryRequest =
  | {
      readonly step: 'begin';
      readonly queryUrls: readonly string[];
      readonly exportUrl: string;
      /** Asked again: all at once when all have ended, or each as soon as it has. */
      readonly again: 'together' | 'each';
    }
  | { readonly step: 'end' };

export type QueryReport = {
  readonly queries: number;
  readonly queryMillis: readonly number[];
  readonly exports: number;
  readonly exportedBytes: number;
  readonly errors: readonly string[];
};
