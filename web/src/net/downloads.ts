import type { Rest } from './rest.ts';
import { apiPath } from './rest.ts';

export type FileFormat = 'csv' | 'parquet' | 'hdf5';

export const FILE_FORMATS: readonly (readonly [format: FileFormat, label: string, hint: string])[] = [
  ['csv', 'CSV', 'Text table: spreadsheets, anything'],
  ['parquet', 'Parquet', 'Columns: pandas, DuckDB, Spark'],
  ['hdf5', 'HDF5', 'For h5py, pandas.read_hdf and PyTables'],
];

/** What a file is to hold: every field of the topic, a column each. Times are ISO 8601; null is open. */
export type FileQuery = {
  readonly topic: string;
  readonly format: FileFormat;
  readonly from: string | null;
  readonly to: string | null;
};

/** Same-origin address of the file. */
export function filePath(query: FileQuery): string {
  return apiPath('v1/points', query);
}

/**
 * Fetches with this page's credentials, which a plain link cannot carry, and saves the file. Browsers give no way to
 * stream to disk over plain HTTP, so the file is collected in the browser's memory first. `onBytes` tells how much came.
 */
export async function saveFile(
  rest: Rest,
  query: FileQuery,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const response = await rest.open(filePath(query), signal);
  const name =
    fileName(response.headers.get('content-disposition')) ?? `${query.topic.replaceAll('/', '_')}.${query.format}`;
  const type = response.headers.get('content-type') ?? 'application/octet-stream';
  const parts: BlobPart[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const chunk = await reader?.read();
    if (chunk === undefined || chunk.done) break;
    parts.push(chunk.value);
    bytes += chunk.value.length;
    onBytes(bytes);
  }
  saveBlob(new Blob(parts, { type }), name);
}

/** The file name of a `Content-Disposition` header (RFC 6266), the UTF-8 form first; null when there is none. */
export function fileName(disposition: string | null): string | null {
  const encoded = /filename\*\s*=\s*UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1];
  if (encoded !== undefined) {
    try {
      return decodeURIComponent(encoded.trim());
    } catch {
      // A badly encoded name: the plain one is next.
    }
  }
  return /filename\s*=\s*"?([^";]+)"?/i.exec(disposition ?? '')?.[1]?.trim() ?? null;
}

function saveBlob(blob: Blob, name: string): void {
  const href = URL.createObjectURL(blob);
  const anchor = document.createElement('a');
  anchor.href = href;
  anchor.download = name;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  // The browser has taken the blob by then; keeping the address would keep the memory.
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
