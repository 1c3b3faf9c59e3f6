import { parentPort } from 'node:worker_threads';
import { type Dataset, File, type Group, type Module, ready } from 'h5wasm/node';
import { messageOf } from '../../base/index.ts';
import {
  type Attribute,
  CHUNK_ROWS,
  frameAttributes,
  GROUP_ATTRIBUTES,
  groupPath,
  plainTableAttributes,
  ROOT_ATTRIBUTES,
  tableAttributes,
  tableColumns,
} from './hdf5-layout.ts';
import type { FromHdf5, ToHdf5 } from './hdf5-protocol.ts';

/** Writes one HDF5 file. In a thread of its own: libhdf5 (as WebAssembly) is synchronous and deflates. */

const DEFLATE = 4;
/** Chunks of texts are kept below this, whatever the length of a string. */
const TEXT_CHUNK_BYTES = 512 * 1024;

type H5Module = typeof Module;
type Target = { readonly path: string; readonly dataset: Dataset; rows: number };

let module: H5Module;
let file: File | null = null;
let table: Target | null = null;
let texts: Target | null = null;
let columns: readonly string[] = [];

function create(message: Extract<ToHdf5, { kind: 'create' }>): void {
  columns = tableColumns(message.columns);
  file = new File(message.file, 'w');
  attach(file, ROOT_ATTRIBUTES);
  let group: Group = file;
  let path = '';
  for (const level of groupPath(message.topic)) {
    path += `/${level}`;
    file.create_group(path);
    group = file.get(path) as Group;
    attach(group, GROUP_ATTRIBUTES);
  }
  attach(group, frameAttributes(columns));
  // An attribute holds at most 64 KiB.
  attach(group, [['mqtt_topic', message.topic.slice(0, 16_000), 'utf8']]);

  const data = new Map<string, unknown>([['index', new BigInt64Array(0)]]);
  for (const name of columns) data.set(name, new Float64Array(0));
  table = createTable(
    group,
    path,
    'table',
    data,
    [['index', '<q'], ...columns.map((name) => [name, '<d'])],
    CHUNK_ROWS,
  );
  attach(table.dataset, tableAttributes(columns));

  if (message.texts === null) return;
  const { fieldBytes, valueBytes } = message.texts;
  const rowBytes = 8 + fieldBytes + valueBytes;
  texts = createTable(
    group,
    path,
    'texts',
    new Map<string, unknown>([
      ['index', new BigInt64Array(0)],
      ['field', []],
      ['value', []],
    ]),
    [
      ['index', '<q'],
      ['field', `S${fieldBytes}`],
      ['value', `S${valueBytes}`],
    ],
    Math.max(1, Math.min(CHUNK_ROWS, Math.floor(TEXT_CHUNK_BYTES / rowBytes))),
  );
  attach(texts.dataset, plainTableAttributes(['index', 'field', 'value']));
}

function createTable(
  group: Group,
  path: string,
  name: string,
  data: Map<string, unknown>,
  dtype: readonly (readonly string[])[],
  chunkRows: number,
): Target {
  const dataset = group.create_dataset({
    name,
    data,
    dtype,
    shape: [0],
    maxshape: [null],
    chunks: [chunkRows],
    compression: DEFLATE,
  } as unknown as Parameters<Group['create_dataset']>[0]);
  return { path: `${path}/${name}`, dataset, rows: 0 };
}

/**
 * Appends rows that lie in memory as they will in the file. `Dataset.write_slice` would put them together value by
 * value, which takes longer than all the rest.
 */
function append(target: Target, count: number, bytes: ArrayBuffer): void {
  const { dataset, path, rows } = target;
  dataset.resize([rows + count]);
  const pointer = module._malloc(bytes.byteLength);
  if (pointer === 0) throw new Error(`no memory for ${bytes.byteLength} bytes of HDF5 rows`);
  try {
    module.HEAPU8.set(new Uint8Array(bytes), pointer);
    const failed = module.set_dataset_data(
      dataset.file_id,
      path,
      [BigInt(count)],
      [BigInt(rows)],
      [1n],
      BigInt(pointer),
    );
    if (failed < 0) throw new Error(`HDF5 could not write ${count} rows to ${path}`);
  } finally {
    module._free(pointer);
  }
  target.rows = rows + count;
}

function attach(target: Group | Dataset, attributes: readonly Attribute[]): void {
  for (const [name, value, kind] of attributes) {
    if (typeof value === 'number') target.create_attribute(name, BigInt64Array.of(BigInt(value)), [], '<q');
    else {
      // HDF5 knows no string of length 0.
      const length = Math.max(1, Buffer.byteLength(value));
      target.create_attribute(name, value, [], kind === 'ascii' ? `A${length}` : `S${length}`);
    }
  }
}

function obey(message: ToHdf5): void {
  if (message.kind === 'create') create(message);
  else if (message.kind === 'rows') append(table!, message.count, message.bytes);
  else if (message.kind === 'texts') append(texts!, message.count, message.bytes);
  else {
    if (message.cutTexts > 0) attach(texts!.dataset, [['values_cut', message.cutTexts, 'int64']]);
    file!.flush();
    file!.close();
  }
}

parentPort!.on('message', (message: ToHdf5) => {
  ready
    .then((loaded) => {
      module = loaded;
      obey(message);
      parentPort!.postMessage({ kind: 'done' } satisfies FromHdf5);
    })
    .catch((error: unknown) => {
      parentPort!.postMessage({ kind: 'fault', text: messageOf(error) } satisfies FromHdf5);
    });
});
