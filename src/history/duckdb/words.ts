import { resolve } from 'node:path';

/** A path that DuckDB quotes. Other quoted text is its own. */
const QUOTED_PATH = /"(?:[/\\]|[A-Za-z]:[/\\])[^"\n]*"/g;

/**
 * DuckDB's own words in what it says: without paths, which may have any word in them. `file` is the database, whose path is known
 * wherever it stands, also as that of its log.
 */
export function ownWords(text: string, file?: string): string {
  const paths = file === undefined ? [] : [resolve(file), file];
  return paths.reduce((rest, path) => rest.replaceAll(path, ''), text).replace(QUOTED_PATH, '""');
}
