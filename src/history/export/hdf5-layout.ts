import { columnNames } from './column-names.ts';

/**
 * The layout that pandas writes with `HDFStore.append(topic, frame, data_columns=True)`, so that `pandas.read_hdf` (with
 * `where=` too), PyTables and h5py open it:
 *
 *     /                                  CLASS GROUP, PYTABLES_FORMAT_VERSION ...
 *     /sensors/temperature/              the topic's levels as groups; attributes for pandas, and mqtt_topic
 *     /sensors/temperature/table         compound {index i8: ns since 1970 UTC, one f8 a field}, extendable, deflate
 *     /sensors/temperature/texts         only when there is text: {index i8, field S, value S}
 */
export type AttributeKind = 'utf8' | 'ascii' | 'int64';
export type Attribute = readonly [name: string, value: string | number, kind: AttributeKind];

/** Rows of one chunk, as pandas makes it for a table of this kind. */
export const CHUNK_ROWS = 2048;

/** An HDF5 object header holds 64 KiB: about as much as the columns of one table may take to describe. */
const HEADER_BYTES = 56_000;
const BYTES_A_COLUMN = 56;

const MOST_LEVELS = 32;
const LONGEST_LEVEL = 255;

/**
 * The group of a topic: its levels, without empty ones. A level that HDF5, PyTables or pandas would take for something
 * else (`.`, `table`, `texts`, a leading `_` followed by a letter and `_`) has its first character percent-encoded. A
 * topic without a usable level, or with too many, is `topic`; the attribute `mqtt_topic` always has the topic itself.
 */
export function groupPath(topic: string): readonly string[] {
  const levels = topic.split('/').filter((level) => level !== '');
  const usable =
    levels.length > 0 && levels.length <= MOST_LEVELS && levels.every((level) => level.length <= LONGEST_LEVEL);
  if (!usable) return ['topic'];
  return levels.map((level) => (/^(\.+|table|texts|_[a-z]_.*)$/.test(level) ? escapedFirst(level) : level));
}

/** Columns of the table: PyTables splits names at `/`, and `index` is taken. */
export function tableColumns(fields: readonly string[]): string[] {
  return columnNames(
    fields.map((field) => field.replaceAll('/', '%2F').replaceAll('\0', '%00')),
    ['index'],
  );
}

/** Whether so many columns fit into one HDF5 table. */
export function columnsFit(columns: readonly string[]): boolean {
  return columns.reduce((sum, name) => sum + BYTES_A_COLUMN + 2 * pickledName(name).length, 0) <= HEADER_BYTES;
}

export const ROOT_ATTRIBUTES: readonly Attribute[] = [
  ['CLASS', 'GROUP', 'utf8'],
  ['VERSION', '1.0', 'utf8'],
  ['TITLE', '', 'utf8'],
  ['PYTABLES_FORMAT_VERSION', '2.1', 'utf8'],
];

export const GROUP_ATTRIBUTES: readonly Attribute[] = ROOT_ATTRIBUTES.slice(0, 3);

/**
 * What pandas asks of the group. The character set decides: plain strings must be UTF-8, pickles ASCII, else pandas takes
 * one for the other.
 */
export function frameAttributes(columns: readonly string[]): readonly Attribute[] {
  const info =
    '(dp0\nI1\n(dp1\nVtype\np2\nVIndex\np3\nsVnames\np4\n(lp5\nNassVindex\np6\n(dp7\nVtz\np8\nNsVfreq\np9\nNsVindex_name\np10\nNss.';
  return [
    ['pandas_type', 'frame_table', 'utf8'],
    ['pandas_version', '0.15.2', 'utf8'],
    ['table_type', 'appendable_frame', 'utf8'],
    ['encoding', 'UTF-8', 'utf8'],
    ['errors', 'strict', 'utf8'],
    ['nan_rep', 'nan', 'utf8'],
    ['levels', 1, 'int64'],
    ['data_columns', `${pickledList(columns, 0)}.`, 'ascii'],
    ['values_cols', `${pickledList(columns, 0)}.`, 'ascii'],
    ['index_cols', '(lp0\n(I0\nVindex\np1\ntp2\na.', 'ascii'],
    ['non_index_axes', `(lp0\n(I1\n${pickledList(columns, 1)}tp${columns.length + 2}\na.`, 'ascii'],
    ['info', info, 'ascii'],
  ];
}

/** What PyTables and pandas ask of the table. */
export function tableAttributes(columns: readonly string[]): readonly Attribute[] {
  return [
    ...plainTableAttributes(['index', ...columns]),
    ['index_kind', 'datetime64', 'utf8'],
    ...columns.flatMap((name): Attribute[] => [
      [`${name}_dtype`, 'float64', 'utf8'],
      [`${name}_kind`, `${pickledList([name], 0)}.`, 'ascii'],
    ]),
  ];
}

export function plainTableAttributes(columns: readonly string[]): readonly Attribute[] {
  return [
    ['CLASS', 'TABLE', 'utf8'],
    ['VERSION', '2.7', 'utf8'],
    ['TITLE', '', 'utf8'],
    ...columns.map((name, i): Attribute => [`FIELD_${i}_NAME`, name, 'utf8']),
  ];
}

/** A list of strings as a pickle of protocol 0, its memo numbers beginning at `memo`; without the final stop. */
function pickledList(names: readonly string[], memo: number): string {
  const items = names.map((name, i) => `V${pickledName(name)}\np${memo + 1 + i}\na`);
  return `(lp${memo}\n${items.join('')}`;
}

/** Raw-unicode-escape: ASCII as it is, but not the backslash and the line feed. */
function pickledName(name: string): string {
  let out = '';
  for (const char of name) {
    const code = char.codePointAt(0)!;
    if (code >= 0x20 && code < 0x7f && char !== '\\') out += char;
    else if (code <= 0xffff) out += `\\u${code.toString(16).padStart(4, '0')}`;
    else out += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return out;
}

function escapedFirst(level: string): string {
  return `%${level.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}${level.slice(1)}`;
}
