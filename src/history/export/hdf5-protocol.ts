/** What the thread that writes an HDF5 file is told, in order. It answers each with `done`, or one `fault`. */
export type ToHdf5 =
  | {
      readonly kind: 'create';
      readonly file: string;
      readonly topic: string;
      readonly columns: readonly string[];
      /** Bytes of the strings in the `texts` table; null: there is none. */
      readonly texts: { readonly fieldBytes: number; readonly valueBytes: number } | null;
    }
  /** Rows as they lie in the file: the index as int64, then one double a column. */
  | { readonly kind: 'rows'; readonly count: number; readonly bytes: ArrayBuffer }
  /** Rows of `texts` as they lie in the file. */
  | { readonly kind: 'texts'; readonly count: number; readonly bytes: ArrayBuffer }
  | { readonly kind: 'finish'; readonly cutTexts: number };

export type FromHdf5 = { readonly kind: 'done' } | { readonly kind: 'fault'; readonly text: string };
