import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../src/base/index.ts';
import { createHistory, type ExportQuery, type History } from '../../src/history/index.ts';
import { bytesOf } from '../../src/history/testing/rows.ts';
import { requireTool, runPython, waitFor } from '../tooling/index.ts';

requireTool('python3-h5py', 'python3-tables', 'python3-pandas');

const folder = mkdtempSync(join(tmpdir(), 'sonde-files-'));
const start = Date.UTC(2026, 10, 21, 7) * 1000;
let history: History;
let sent = 0;

function publish(topic: string, payload: string | Uint8Array, arrivedUs: number): void {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  sent += 1;
  if (!history.intake.offer({}, 1, topic, bytes, 0, bytes.length, arrivedUs)) throw new Error('no room');
}

async function download(topic: string, field: string | null, format: ExportQuery['format']): Promise<string> {
  const path = join(folder, `${Buffer.from(topic).toString('hex')}.${format}`);
  const stream = await history.export({ world: 1, topic, field, fromUs: null, toUs: null, format });
  await writeFile(path, await bytesOf(stream));
  return path;
}

/** Runs Python on a file and a group; what it prints last is JSON. */
async function ask(program: string, ...args: string[]): Promise<unknown> {
  const preamble = 'import sys, json, warnings; warnings.simplefilter("ignore")\n';
  const { code, stdout, stderr } = await runPython('python3-pandas', preamble + program, args);
  if (code !== 0) throw new Error(stderr);
  const lines = stdout.trim().split('\n');
  return JSON.parse(lines.find((line) => line.startsWith('{') || line.startsWith('['))!);
}

const READ_ALL = `
import h5py, tables, pandas
path, group = sys.argv[1], sys.argv[2]
clean = lambda rows: [[None if x != x else x for x in row] for row in rows]
with h5py.File(path) as f:
    h5 = f[group]["table"]
    out = {"topic": f[group].attrs["mqtt_topic"].decode(), "h5py": clean(h5[:10].tolist()), "names": list(h5.dtype.names),
           "chunks": h5.chunks[0], "deflate": h5.compression, "more": h5.maxshape[0] is None}
with tables.open_file(path) as f:
    table = f.get_node(group + "/table")
    out["pytables"] = clean(table.read(0, 10).tolist())
    out["rows"] = int(table.nrows)
frame = pandas.read_hdf(path, group)
out["columns"] = list(frame.columns)
out["index"] = [str(t) for t in frame.index[:10]]
out["frame"] = clean(frame.values.tolist()[:10])
out["only"] = len(pandas.read_hdf(path))
print(json.dumps(out))
`;

beforeAll(async () => {
  history = createHistory({ file: join(folder, 'history.duckdb'), clock: systemClock(), logger: silentLogger });
  await history.start();
  for (let i = 0; i < 5000; i++) {
    const kT = i === 2 ? 'null' : String(20 + i / 1000);
    publish('data-esp-a6a8d500', `[{"id":${i},"kT":${kT},"aT":18.59,"aH":28.0}]`, start + i * 1e6 + 7);
  }
  publish('/sensors/temperature', '22.25', start);
  publish('/sensors/temperature', 'null', start + 1);
  publish('/sensors/temperature', 'défaut', start + 2);
  publish('/sensors/temperature', Uint8Array.of(255, 0), start + 3);
  publish('/sensors/temperature', 'x'.repeat(40_000), start + 4);
  publish('données//.//table/_i_x', '{"°C":1.5,"m/s":2,"index":3,"kT":4,"kt":5,"a b.c[0]":6,"\\\\\\n":7}', start);
  publish('words', 'only text', start);
  await waitFor('all to be recorded', () => history.status().recordedMessages === sent, 30_000);
});
afterAll(async () => {
  await history.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

describe('HDF5', () => {
  it('of a thermocouple is what its owner’s own recorder wrote: h5py, PyTables and pandas read it', async () => {
    const path = await download('data-esp-a6a8d500', null, 'hdf5');
    const ns = (i: number): number => (start + i * 1e6 + 7) * 1000;
    expect(await ask(READ_ALL, path, '/data-esp-a6a8d500')).toMatchObject({
      topic: 'data-esp-a6a8d500',
      names: ['index', 'id', 'kT', 'aT', 'aH'],
      chunks: 2048,
      deflate: 'gzip',
      more: true,
      rows: 5000,
      only: 5000,
      columns: ['id', 'kT', 'aT', 'aH'],
      h5py: expect.arrayContaining([
        [ns(1), 1, 20.001, 18.59, 28],
        [ns(2), 2, null, 18.59, 28],
      ]),
      pytables: expect.arrayContaining([[ns(9), 9, 20.009, 18.59, 28]]),
      index: expect.arrayContaining(['2026-11-21 07:00:00.000007', '2026-11-21 07:00:09.000007']),
      frame: expect.arrayContaining([[2, null, 18.59, 28]]),
    });
  });

  it('can be asked with where= and appended to by pandas', async () => {
    const path = await download('data-esp-a6a8d500', null, 'hdf5');
    const answer = await ask(
      `
import pandas
path = sys.argv[1]
key = "/data-esp-a6a8d500"
out = {"time": len(pandas.read_hdf(path, key, where="index >= '2026-11-21 08:00:00' and index < '2026-11-21 08:01:00'")),
       "value": len(pandas.read_hdf(path, key, where="kT > 24.9 & id < 4950")),
       "columns": pandas.read_hdf(path, key, columns=["aT"]).shape}
last = pandas.read_hdf(path, key).iloc[-1:]
last.index = last.index + pandas.Timedelta(seconds=1)
with pandas.HDFStore(path, "a") as store:
    store.append(key, last, format="table", data_columns=True)
out["appended"] = len(pandas.read_hdf(path, key))
print(json.dumps(out))
`,
      path,
    );
    expect(answer).toEqual({ time: 60, value: 49, columns: [5000, 1], appended: 5001 });
  });

  it('has the levels of a topic as groups, and text in a table of its own', async () => {
    const path = await download('/sensors/temperature', 'value', 'hdf5');
    expect(await ask(READ_ALL, path, '/sensors/temperature')).toMatchObject({
      topic: '/sensors/temperature',
      columns: ['value'],
      index: ['2026-11-21 07:00:00', '2026-11-21 07:00:00.000001'],
      frame: [[22.25], [null]],
      only: 2,
    });
    const texts = await ask(
      `
import h5py, tables
path = sys.argv[1]
with h5py.File(path) as f:
    d = f["/sensors/temperature/texts"]
    out = {"h5py": [[int(t), field.decode(), value.decode()[:10], len(value)] for t, field, value in d[:]], "cut": int(d.attrs["values_cut"])}
with tables.open_file(path) as f:
    out["pytables"] = [row["value"].decode()[:10] for row in f.get_node("/sensors/temperature/texts")]
print(json.dumps(out))
`,
      path,
    );
    expect(texts).toEqual({
      h5py: [
        [(start + 2) * 1000, 'value', 'défaut', 7],
        [(start + 3) * 1000, 'value', '/wA=', 4],
        [(start + 4) * 1000, 'value', 'xxxxxxxxxx', 32_768],
      ],
      cut: 1,
      pytables: ['défaut', '/wA=', 'xxxxxxxxxx'],
    });
  });

  it('opens whatever topics and fields are called', async () => {
    const topic = 'données//.//table/_i_x';
    const path = await download(topic, null, 'hdf5');
    expect(await ask(READ_ALL, path, '/données/%2E/%74able/%5Fi_x')).toMatchObject({
      topic,
      columns: ['°C', 'm%2Fs', 'index_2', 'kT', 'kt_2', 'a b.c[0]', '\\\n'],
      frame: [[1.5, 2, 3, 4, 5, 6, 7]],
      only: 1,
    });
  });

  it('of a topic that has only text opens too', async () => {
    const path = await download('words', null, 'hdf5');
    const answer = await ask(
      `
import h5py, tables
with h5py.File(sys.argv[1]) as f: out = [f["words/texts"][0][2].decode(), f["words/table"].shape[0]]
with tables.open_file(sys.argv[1]) as f: out.append(int(f.root.words.texts.nrows))
print(json.dumps(out))
`,
      path,
    );
    expect(answer).toEqual(['only text', 0, 1]);
  });
});

describe('CSV', () => {
  it('is read by pandas with times and gaps', async () => {
    const path = await download('data-esp-a6a8d500', null, 'csv');
    const answer = await ask(
      `
import pandas
frame = pandas.read_csv(sys.argv[1], parse_dates=["time", "arrived"], index_col="time")
print(json.dumps({"shape": frame.shape, "kind": str(frame.index.dtype), "gaps": int(frame.kT.isna().sum()), "sum": float(frame.id.sum())}))
`,
      path,
    );
    expect(answer).toEqual({ shape: [5000, 5], kind: 'datetime64[ns, UTC]', gaps: 1, sum: (4999 * 5000) / 2 });
  });
});
