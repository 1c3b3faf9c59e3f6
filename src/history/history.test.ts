import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError } from '../base/index.ts';
import { historyDamageText } from './damage-text.ts';
import type { ByteSource, ExportQuery, History, PointsQuery } from './port.ts';
import { createMemorySource } from './testing/memory-source.ts';
import { createRig, type Rig, removeFolder, temporaryFolder } from './testing/rig.ts';
import { bucketsOf, bytesOf, partsOf, pointsOf } from './testing/rows.ts';
import { until } from './testing/wait.ts';

let folder: string;
const running: History[] = [];

async function started(limits: Parameters<typeof createRig>[1] = {}): Promise<Rig> {
  const rig = createRig(folder, limits);
  running.push(rig.history);
  await rig.history.start();
  return rig;
}

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((history) => history.stop()));
  removeFolder(folder);
});

const query = (topic: string, field = 'value', more: Partial<PointsQuery> = {}): PointsQuery => ({
  world: 1,
  topic,
  field,
  fromUs: null,
  toUs: null,
  ...more,
});

describe('recording and reading', () => {
  it('a QoS 0 message is a point within a second', async () => {
    const { history, publish } = await started();
    const sentMs = performance.now();
    publish('/sensors/temperature', '22.25', 1_700_000_000_000_001);
    await until('the series', async () => (await history.series(1, '#', 10)).length === 1, 1000);
    expect(performance.now() - sentMs).toBeLessThan(1000);
    expect(await pointsOf(history, query('/sensors/temperature'), 10)).toEqual([[1_700_000_000_000_001, 22.25]]);
    expect(history.status()).toMatchObject({ state: 'ok', detail: '', recordedMessages: 1, bufferedBytes: 0 });
  });

  it('keeps every kind of value as it was, in the order of time, then arrival', async () => {
    const { history, publish, recorded } = await started();
    const long = 'ü'.repeat(5000);
    const payloads = [
      '1',
      'null',
      'text',
      Uint8Array.of(255, 0, 1),
      '12345678901234567890',
      '',
      'a\0b and more of it',
      long,
    ];
    for (const payload of payloads) publish('t', payload, 1000);
    publish('t', '0', 999);
    publish('t', '{"ts":1700000000,"v":2}', 1_700_000_001_000_000);
    publish('t', '-0.5', -5);
    await recorded(11);
    expect(await pointsOf(history, query('t'), 100)).toEqual([
      [-5, -0.5],
      [999, 0],
      [1000, 1],
      [1000, null],
      [1000, 'text'],
      [1000, { base64: '/wAB' }],
      [1000, '12345678901234567890'],
      [1000, ''],
      [1000, 'a\0b and more of it'],
      [1000, long],
    ]);
    expect(await pointsOf(history, query('t', 'v'), 100)).toEqual([[1_700_000_000_000_000, 2]]);
    expect(await pointsOf(history, query('t'), 3)).toHaveLength(3);
    expect(await pointsOf(history, query('t', 'value', { fromUs: 999, toUs: 1000 }), 100)).toEqual([[999, 0]]);
    const [series] = await history.series(1, 't', 1);
    expect(series).toMatchObject({ topic: 't', field: 'value', count: 10, firstUs: -5, lastUs: 1000, unit: null });
    expect(series?.lastValue).toBe(`${long.slice(0, 1024)}…`);
  });

  it('gives a thermocouple sample four series, and finds them by MQTT filters', async () => {
    const { history, publish, recorded } = await started();
    publish('data-esp-a6a8d500', '[{"id":10017,"kT":20.0,"aT":18.59,"aH":28.0}]', 5000);
    publish('lab/a', '1', 5000);
    publish('lab/a/b', '1', 5000);
    publish('$odd', '1', 5000);
    await recorded(4);
    const found = async (filter: string): Promise<string[]> =>
      (await history.series(1, filter, 100)).map(
        ({ topic, field, lastValue }) => `${topic} ${field} ${JSON.stringify(lastValue)}`,
      );
    expect(await found('data-esp-a6a8d500')).toEqual([
      'data-esp-a6a8d500 id 10017',
      'data-esp-a6a8d500 kT 20',
      'data-esp-a6a8d500 aT 18.59',
      'data-esp-a6a8d500 aH 28',
    ]);
    expect(await found('lab/+')).toEqual(['lab/a value 1']);
    expect(await found('lab/#')).toEqual(['lab/a value 1', 'lab/a/b value 1']);
    expect(await found('#')).toHaveLength(6);
    expect(await found('nothing')).toEqual([]);
    expect(await history.series(1, '#', 2)).toHaveLength(2);
  });

  it('keeps worlds apart', async () => {
    const { history, publish, recorded } = await started();
    publish('t', '1', 1000, 1);
    publish('t', '2', 1000, 2);
    await recorded(2);
    expect(await pointsOf(history, { ...query('t'), world: 2 }, 10)).toEqual([[1000, 2]]);
    expect(await history.series(1, '#', 10)).toHaveLength(1);
    await expect(pointsOf(history, { ...query('t'), world: 3 }, 10)).rejects.toMatchObject({ code: 'unknown-series' });
  });

  it('divides a span into buckets, without gaps and text', async () => {
    const { history, publish, recorded } = await started();
    for (let i = 0; i < 100; i++) publish('t', String(i), i * 1000);
    publish('t', 'null', 50_000);
    publish('t', 'text', 50_000);
    await recorded(102);
    const all = await bucketsOf(history, query('t', 'value', { fromUs: 0, toUs: 100_000 }), 4);
    expect(all).toEqual([
      [0, 0, 12, 24],
      [25_000, 25, 37, 49],
      [50_000, 50, 62, 74],
      [75_000, 75, 87, 99],
    ]);
    const own = await bucketsOf(history, query('t'), 1);
    expect(own).toEqual([[0, 0, 49.5, 99]]);
    expect(await bucketsOf(history, query('t', 'value', { fromUs: 200_000 }), 10)).toEqual([]);
    expect((await bucketsOf(history, query('t'), 7)).length).toBeLessThanOrEqual(7);
  });

  it('keeps what would open too many series as text, and says so', async () => {
    const { history, publish, recorded, log, reached } = await started({ maxSeries: 3 });
    publish('a', '{"x":1,"y":2}', 1000);
    publish('b', '1', 1000);
    publish('a', '{"x":3,"z":4}', 2000);
    publish('c', '5', 3000);
    publish('b', '{"new":1}', 4000);
    await recorded(5);
    expect(await pointsOf(history, query('a', 'x'), 10)).toEqual([[1000, 1]]);
    expect(await pointsOf(history, query('b'), 10)).toEqual([
      [1000, 1],
      [4000, '{"new":1}'],
    ]);
    expect(
      (await pointsOf(history, query('$sonde/overflow'), 10)).map(([, value]) => JSON.parse(value as string)),
    ).toEqual([
      { topic: 'a', payload: '{"x":3,"z":4}' },
      { topic: 'c', payload: '5' },
    ]);
    expect(log.filter((line) => line.text.includes('as many series'))).toHaveLength(1);
    expect(reached.maxSeries).toBe(3);
    expect(history.status().series).toBe(4); // that of the overflow is one too
  });

  it('keeps JSON that is beyond a bound as text, whole, and counts it by the bound', async () => {
    const limits = { maxJsonDepth: 2, maxPathsPerPayload: 3, maxTextLength: 5 };
    const { history, publish, recorded, reached } = await started(limits);
    const beyond = ['{"a":{"b":{"c":1}}}', '[1,2,3,4]', '{"a":"longer"}'];
    for (const [i, payload] of [...beyond, '{"a":{"b":1}}', '{no json'].entries()) publish('t', payload, i + 1);
    await recorded(5);
    const values = (await pointsOf(history, query('t'), 10)).map(([, value]) => value);
    expect(values).toEqual([...beyond, '{no json']);
    expect(await pointsOf(history, query('t', 'a.b'), 10)).toEqual([[4, 1]]);
    expect(reached).toMatchObject({ maxJsonDepth: 1, maxJsonPaths: 1, maxJsonTextChars: 1, maxSeries: 0 });
  });

  it('keeps a payload that is too large for one value in parts, which together are the payload', async () => {
    const { history, publish, recorded } = await started();
    const text = `${'é€😀x'.repeat(1_000_000)}`;
    publish('t', text, 1000);
    publish('bytes', Buffer.alloc(9_000_000, 0xfe), 1000);
    await recorded(2);
    const parts = await pointsOf(history, query('t'), 10);
    expect(parts).toHaveLength(2);
    expect(parts.every(([timeUs]) => timeUs === 1000)).toBe(true);
    expect(parts.map(([, value]) => value as string).join('') === text).toBe(true);
    const bytes = await pointsOf(history, query('bytes'), 10);
    const sizes = bytes.map(([, value]) => Buffer.from((value as { base64: string }).base64, 'base64').length);
    expect(sizes).toEqual([8 * 1024 * 1024, 9_000_000 - 8 * 1024 * 1024]);
  });

  it('takes topics and fields for what they are, never for SQL', async () => {
    const { history, publish, recorded } = await started();
    const topic = `x'); DROP TABLE point; --"`;
    publish(topic, `{"a'b\\"; DELETE FROM series":1,"__proto__":2,"nul\\u0000key":3}`, 1000);
    await recorded(1);
    expect(await pointsOf(history, query(topic, `a'b"; DELETE FROM series`), 10)).toEqual([[1000, 1]]);
    expect(await pointsOf(history, query(topic, '__proto__'), 10)).toEqual([[1000, 2]]);
    expect(await pointsOf(history, query(topic, 'nul\0key'), 10)).toEqual([[1000, 3]]);
  });
});

describe('across restarts', () => {
  it('a stopped and started history has all series, figures and points', async () => {
    const first = await started();
    first.publish('t', '1', 1000);
    first.publish('t', '2', 3000);
    first.publish('text', 'hello', 2000);
    first.publish('bytes', Uint8Array.of(255), 2000);
    first.publish('exact', '12345678901234567890', 2000);
    first.publish('gap', 'null', 2000);
    await first.recorded(6);
    const before = await first.history.series(1, '#', 100);
    await first.history.stop();
    expect(first.history.status().state).toBe('down');
    expect(existsSync(`${first.file}.wal`)).toBe(false);

    const second = await started();
    expect(await second.history.series(1, '#', 100)).toEqual(before);
    second.publish('t', '3', 2000);
    await second.recorded(1);
    expect(await pointsOf(second.history, query('t'), 10)).toEqual([
      [1000, 1],
      [2000, 3],
      [3000, 2],
    ]);
    const [series] = await second.history.series(1, 't', 1);
    expect(series).toMatchObject({ count: 3, firstUs: 1000, lastUs: 3000, lastValue: 2 });
  });

  it('a killed process is started again; figures are those of the rows', async () => {
    const { history, publish, recorded, log } = await started();
    for (let i = 0; i < 100; i++) publish('t', String(i), 1000 + i);
    publish('u', 'text', 1000);
    await recorded(101);
    const before = await history.series(1, '#', 100);
    process.kill(history.status().pid!, 'SIGKILL');
    await until('the end of the process', () => history.status().state === 'down');
    expect(history.status().detail).toContain('SIGKILL');
    publish('t', '100', 2000);
    await expect(history.series(1, '#', 1)).rejects.toMatchObject({ code: 'unavailable' });
    await recorded(102);
    expect(history.status()).toMatchObject({ state: 'ok', restarts: 1 });
    const after = await history.series(1, '#', 100);
    expect(after[0]).toEqual({ ...before[0], count: 101, lastUs: 2000, lastValue: 100 });
    expect(after[1]).toEqual(before[1]);
    expect(log.some((line) => line.level === 'warn' && line.text.includes('history is down'))).toBe(true);
  });

  it('a stopped history leaves no process behind', async () => {
    const { history, publish, recorded } = await started();
    publish('t', '1');
    await recorded(1);
    const { pid } = history.status();
    await history.stop();
    await until('the end of the process', () => {
      try {
        process.kill(pid!, 0);
        return false;
      } catch {
        return true;
      }
    });
  });

  it('drains a queue, acknowledges it, and skips entries that it has', async () => {
    const first = await started();
    const source = createMemorySource('store-1');
    for (let i = 1; i <= 30_000; i++) source.add(1, 'q', String(i), i);
    first.history.drain(source);
    await until('the queue to be empty', () => source.depth().entries === 0, 20_000);
    expect(source.acknowledged()).toBe(30_000);
    await first.history.stop();

    // A store that was restored from before the acknowledgement gives the same entries again.
    const second = await started();
    const again = createMemorySource('store-1');
    for (let i = 1; i <= 30_001; i++) again.add(1, 'q', String(i), i);
    second.history.drain(again);
    await until('the queue to be empty', () => again.depth().entries === 0, 20_000);
    const [series] = await second.history.series(1, 'q', 1);
    expect(series).toMatchObject({ count: 30_001, lastValue: 30_001 });
  });
});

describe('what cannot be opened', () => {
  it('a database of a newer Sonde', async () => {
    const first = await started();
    await first.history.stop();
    const instance = await DuckDBInstance.create(first.file);
    const connection = await instance.connect();
    await connection.run('UPDATE sonde_format SET version = 99');
    connection.closeSync();
    instance.closeSync();
    const error: unknown = await createRig(folder)
      .history.start()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OperatorError);
    expect(String(error)).toContain('newer Sonde (history format 99');
  });

  it('a DuckDB file of someone else is left as it is', async () => {
    const { file } = createRig(folder);
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    await connection.run('CREATE TABLE mine (a INTEGER)');
    connection.closeSync();
    instance.closeSync();
    await expect(createRig(folder).history.start()).rejects.toThrow("not Sonde's history");
  });

  it('a database that another process holds', async () => {
    await started();
    const second = createRig(folder, { openTimeoutMs: 300 });
    const error: unknown = await second.history.start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OperatorError);
    expect(String(error)).toContain('another process');
  });

  it('an option that makes no sense is refused by name', () => {
    expect(() => createRig(folder, { maxQueries: 0 })).toThrow('maxQueries');
    expect(() => createRig(folder, { commitIntervalMs: 300 })).toThrow('commitIntervalMs');
  });
});

it('words in the path of the data folder are no words of DuckDB', async () => {
  const within = join(folder, 'no lock, permission denied, corrupt WAL');
  const { file, history } = createRig(within);
  await history.start();
  const held = createRig(within, { openTimeoutMs: 300 }).history.start();
  await expect(held).rejects.toThrow('another process');
  await history.stop();
  writeFileSync(file, Buffer.concat([Buffer.alloc(64, 'garbage!'), readFileSync(file).subarray(64)]));
  const after = createRig(within);
  await after.history.start();
  expect(after.history.status().damage).toMatchObject([{ file, kept: expect.stringContaining('.damaged-') }]);
  await after.history.stop();
});

describe('a file that is no database', () => {
  it('is kept, and told of, and history begins anew', async () => {
    const { file, history } = createRig(folder);
    writeFileSync(file, 'x'.repeat(100_000));
    await history.start();
    const { damage } = history.status();
    expect(damage).toMatchObject([{ file }]);
    expect(readFileSync(damage[0]?.kept as string, 'utf8')).toBe('x'.repeat(100_000));
    expect(historyDamageText(damage)).toMatch(
      /^History is damaged: history\.duckdb, kept as history\.duckdb\.damaged-/,
    );
    await history.stop();
  });
});

/** Linux, and a user who may leave the idle class again. */
const mayLeaveIdleClass = spawnSync('chrt', ['-i', '0', 'chrt', '-o', '0', 'true']).status === 0;

describe.skipIf(!mayLeaveIdleClass)("history's place in line for the processor", () => {
  /** The scheduling class of each thread: 0 other, 5 idle (proc(5), `policy`). */
  const classes = (pid: number): string[] =>
    readdirSync(`/proc/${pid}/task`).map((task) => {
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
      // After the name, which may hold spaces, `policy` is the 39th field.
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]!;
    });

  it('is behind all others, also that of threads that start later', async () => {
    const { history, publish, recorded } = await started({ niceness: 10 });
    const pid = history.status().pid!;
    await until('the idle class', () => classes(pid).every((one) => one === '5'));
    publish('t', '1');
    await recorded(1);
    expect(await pointsOf(history, query('t'), 1)).toHaveLength(1);
    expect(new Set(classes(pid))).toEqual(new Set(['5']));
  });

  it('is beside them while batches come late', async () => {
    const { history, publish, recorded } = await started({ niceness: 10 });
    const pid = history.status().pid!;
    await until('the idle class', () => classes(pid).every((one) => one === '5'));
    process.kill(pid, 'SIGSTOP');
    publish('t', '1');
    await until('the other class', () => classes(pid).every((one) => one === '0'));
    process.kill(pid, 'SIGCONT');
    await recorded(1);
  });
});

describe('an answer of many points', () => {
  it('is whole and in order', async () => {
    const { history, publish, recorded } = await started();
    const total = 200_000;
    for (let i = 0; i < total; i++) publish('t', String(i), i);
    await recorded(total);
    const { body, truncated } = await history.points(query('t'), total - 1);
    expect(truncated).toBe(true);
    const bytes = await bytesOf(body as ByteSource);
    const { points } = JSON.parse(bytes.toString()) as { points: [string, number][] };
    expect(points.map(([, value]) => value)).toEqual(Array.from({ length: total - 1 }, (_, i) => i));
  });

  it('that nobody wants any more lets the next ones through', async () => {
    const { history, publish, recorded } = await started({ maxQueries: 1, maxWaitingQueries: 1 });
    for (let i = 0; i < 100_000; i++) publish('t', String(i), i);
    await recorded(100_000);
    for (let i = 0; i < 20; i++) {
      const { body } = await history.points(query('t'), 100_000);
      (body as ByteSource).close();
    }
    expect(await pointsOf(history, query('t'), 2)).toHaveLength(2);
  });
});

describe('bounds', () => {
  it('queries beyond the bound are refused as busy, and a slow one is stopped', async () => {
    const { history, publish, recorded } = await started({ maxQueries: 1, maxWaitingQueries: 1, queryTimeoutMs: 1 });
    for (let i = 0; i < 200_000; i++) publish('t', String(i), 1000 + ((i * 7919) % 1_000_003));
    await recorded(200_000);
    const asked = Array.from({ length: 3 }, () =>
      pointsOf(history, query('t'), 100_000).then(
        () => 'answered',
        (error: { code: string }) => error.code,
      ),
    );
    expect((await Promise.all(asked)).sort()).toEqual(['busy', 'timeout', 'timeout']);
  });

  it('exports beyond the bound are refused, and one that is given up leaves nothing behind', async () => {
    const { history, publish, recorded, file } = await started({ maxExports: 1 });
    for (let i = 0; i < 300_000; i++) publish('t', String(i), i);
    await recorded(300_000);
    const ask = (format: ExportQuery['format']): ReturnType<History['export']> =>
      history.export({ ...query('t'), format });
    for (const format of ['csv', 'parquet', 'hdf5'] as const) {
      // The one before may still be on its way out.
      let stream: Awaited<ReturnType<typeof ask>> | null = null;
      await until(`room for ${format}`, async () => {
        stream = await ask(format).catch(() => null);
        return stream !== null;
      });
      await expect(ask(format)).rejects.toMatchObject({ code: 'busy' });
      stream!.close();
    }
    await until('the end of all', async () => {
      const next = await ask('csv').catch(() => null);
      next?.close();
      return next !== null;
    });
    expect(readdirSync(`${file}.tmp`).filter((name) => name.startsWith('export'))).toEqual([]);
  });

  it('an unknown series is refused before a byte is sent', async () => {
    const { history } = await started();
    await expect(history.export({ ...query('nothing'), format: 'csv' })).rejects.toMatchObject({
      code: 'unknown-series',
    });
  });

  it('files that an earlier process left are removed at start', async () => {
    const first = await started();
    await first.history.stop();
    writeFileSync(`${first.file}.tmp/export-1-1.parquet`, 'left behind');
    await started();
    expect(readdirSync(`${first.file}.tmp`).filter((name) => name.startsWith('export'))).toEqual([]);
  });
});

describe('CSV', () => {
  const csv = async (rig: Rig, more: Partial<ExportQuery> = {}): Promise<string> =>
    (await bytesOf(await rig.history.export({ ...query('t'), field: null, format: 'csv', ...more }))).toString();

  it('joins the fields of a message in one line, quotes as RFC 4180 says, and keeps rows of one time apart', async () => {
    const rig = await started();
    const at = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000 + 67;
    rig.publish('t', '{"a":1,"b":"x, \\"y\\"\\r\\n","c":null}', at);
    rig.publish('t', '[{"a":-0.5},{"a":2,"c":3}]', at);
    rig.publish('t', '{"b":"","ts":1700000000}', at);
    await rig.recorded(3);
    expect(await csv(rig)).toBe(
      [
        'time,arrived,a,b,c,ts',
        '2023-11-14T22:13:20.000000Z,2026-01-02T03:04:05.000067Z,,"",,1700000000',
        '2026-01-02T03:04:05.000067Z,2026-01-02T03:04:05.000067Z,1,"x, ""y""\r\n",,',
        '2026-01-02T03:04:05.000067Z,2026-01-02T03:04:05.000067Z,-0.5,,,',
        '2026-01-02T03:04:05.000067Z,2026-01-02T03:04:05.000067Z,2,,3,',
        '',
      ].join('\r\n'),
    );
    expect(await csv(rig, { field: 'c', fromUs: at, toUs: at + 1 })).toBe(
      [
        'time,arrived,c',
        '2026-01-02T03:04:05.000067Z,2026-01-02T03:04:05.000067Z,',
        '2026-01-02T03:04:05.000067Z,2026-01-02T03:04:05.000067Z,3',
        '',
      ].join('\r\n'),
    );
    expect(await csv(rig, { fromUs: 0, toUs: 1 })).toBe('time,arrived,a,b,c,ts\r\n');
  });

  it('is whole and in order when it takes many windows, bursts at one microsecond among them', async () => {
    const rig = await started();
    const total = 330_000;
    // A third comes at one instant, the rest spread out and out of order.
    const timeOf = (i: number): number => (i % 3 === 0 ? 5_000_000 : 1_000_000 + ((i * 7919) % 9_000_017));
    for (let i = 0; i < total; i++) rig.publish('t', String(i), timeOf(i));
    await rig.recorded(total);
    const stream = await rig.history.export({ ...query('t'), format: 'csv' });
    let rest = '';
    let lines = -1;
    let before = '';
    let beforeValue = -1;
    const seen = new Uint8Array(total);
    for await (const chunk of partsOf(stream)) {
      const parts = (rest + Buffer.from(chunk).toString('latin1')).split('\r\n');
      rest = parts.pop()!;
      for (const line of parts) {
        lines += 1;
        if (lines === 0) continue;
        const [time, , value] = line.split(',');
        if (time! < before || (time === before && Number(value) < beforeValue))
          throw new Error(`out of order: ${line}`);
        before = time!;
        beforeValue = Number(value);
        seen[beforeValue]! += 1;
      }
    }
    expect(lines).toBe(total);
    expect(seen.every((times) => times === 1)).toBe(true);
  });
});

describe('Parquet', () => {
  it('is read by DuckDB with numbers, text and bytes in columns of their own', async () => {
    const rig = await started();
    rig.publish('t', '{"kT":20.5,"kt":"x","time":"never"}', 1_700_000_000_000_001);
    rig.publish('t', '{"kT":"broken","kt":null}', 1_700_000_000_000_002);
    rig.publish('t', Uint8Array.of(255, 1), 1_700_000_000_000_003);
    await rig.recorded(3);
    const path = `${folder}/out.parquet`;
    writeFileSync(path, await bytesOf(await rig.history.export({ ...query('t'), field: null, format: 'parquet' })));
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    const result = await connection.run(`SELECT * FROM read_parquet('${path}')`);
    expect(result.columnNames()).toEqual(['time', 'arrived', 'kT', 'kT.text', 'kt_2', 'kt_2.text', 'time_2', 'value']);
    expect(result.columnTypes().map(String)).toEqual([
      'TIMESTAMP',
      'TIMESTAMP',
      'DOUBLE',
      'VARCHAR',
      'DOUBLE',
      'VARCHAR',
      'VARCHAR',
      'BLOB',
    ]);
    const rows = (await result.getRowsJson()).map((row) => row.slice(2));
    expect(rows).toEqual([
      [20.5, null, null, 'x', 'never', null],
      [null, 'broken', null, null, null, null],
      [null, null, null, null, null, '\\xFF\\x01'],
    ]);
    connection.closeSync();
    instance.closeSync();
  });
});
