import { Worker } from 'node:worker_threads';
import type { DuckDBConnection } from '@duckdb/node-api';
import { rowsOf } from '../duckdb/rows.ts';
import { HistoryError } from '../port.ts';
import { columnsFit, tableColumns } from './hdf5-layout.ts';
import type { FromHdf5, ToHdf5 } from './hdf5-protocol.ts';
import { createRowBuffer, createTextBuffer } from './hdf5-rows.ts';
import { type Plan, whereSql, windowsOf } from './plan.ts';
import { type CellSink, readWindow, type TextCell } from './row-reader.ts';

/** Strings of the `texts` table are at most this long; how many were cut stands in its attribute `values_cut`. */
const LONGEST_TEXT = 32_768;
/** Bytes of rows that go to the thread at once. */
const PART_BYTES = 1024 * 1024;

/**
 * An HDF5 file of one topic; `hdf5-layout.ts` draws it. Numbers are in `table` (NaN: a gap, or a message without that
 * field), text and base64 of bytes in `texts`. Rejects with HistoryError `failed` when the topic has more fields than
 * one HDF5 table can hold.
 */
export async function writeHdf5(
  connection: DuckDBConnection,
  plan: Plan,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const numeric = plan.series.filter((one) => one.points > 0);
  const fields = numeric.map((one) => one.field);
  if (!columnsFit(tableColumns(fields))) {
    throw new HistoryError(
      'failed',
      `${fields.length} fields are too many for one HDF5 table: ask for one field, or for CSV or Parquet`,
    );
  }
  const texts = plan.hasTexts ? await textSizes(connection, plan) : null;
  const columnOf = plan.series.map((one) => numeric.indexOf(one));
  const writer = startWriter(signal);
  try {
    await writer.send({ kind: 'create', file, topic: plan.query.topic, columns: fields, texts });
    const rows = createRowBuffer(fields.length, PART_BYTES);
    const words = createTextBuffer(texts ?? { fieldBytes: 1, valueBytes: 1 }, PART_BYTES);
    let rowTime = Number.NaN;
    let rowSeq = Number.NaN;
    const sink: CellSink = {
      cell: (timeUs, _arrivedUs, seq, column, value, text: TextCell | null) => {
        if (text !== null) {
          words.add(timeUs, plan.series[column]!.field, text);
          return;
        }
        if (seq !== rowSeq || timeUs !== rowTime) {
          rows.begin(timeUs);
          rowTime = timeUs;
          rowSeq = seq;
        }
        rows.set(columnOf[column]!, value);
      },
    };
    const ship = async (all: boolean): Promise<void> => {
      // The last row may still get a field from the next chunk, so it stays until the end.
      const part = rows.take(all);
      if (part !== null) await writer.send({ kind: 'rows', ...part }, [part.bytes]);
      for (let said = words.take(); said !== null; said = words.take()) {
        await writer.send({ kind: 'texts', ...said }, [said.bytes]);
      }
    };
    for (const window of await windowsOf(connection, plan)) {
      for await (const _ of readWindow(connection, plan, window, sink)) {
        signal.throwIfAborted();
        if (rows.full() || words.full()) await ship(false);
      }
    }
    await ship(true);
    await writer.send({ kind: 'finish', cutTexts: words.cut() });
  } finally {
    await writer.end();
  }
}

type Writer = {
  readonly send: (message: ToHdf5, transfer?: ArrayBuffer[]) => Promise<void>;
  readonly end: () => Promise<void>;
};

/** The thread; `send` resolves when it has done what it was told, which is the back-pressure. */
function startWriter(signal: AbortSignal): Writer {
  const worker = new Worker(new URL('./hdf5-worker.js', import.meta.url));
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  const fail = (error: Error): void => {
    settle?.reject(error);
    settle = null;
  };
  const onAbort = (): void => fail(new HistoryError('failed', 'the export was stopped'));
  signal.addEventListener('abort', onAbort);
  worker.on('message', (message: FromHdf5) => {
    if (message.kind === 'fault') fail(new HistoryError('failed', message.text));
    else {
      settle?.resolve();
      settle = null;
    }
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new HistoryError('failed', 'the HDF5 thread ended')));

  return {
    send: (message, transfer = []) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        settle = { resolve, reject };
        worker.postMessage(message, transfer);
      }),
    end: async () => {
      signal.removeEventListener('abort', onAbort);
      await worker.terminate();
    },
  };
}

async function textSizes(
  connection: DuckDBConnection,
  plan: Plan,
): Promise<{ fieldBytes: number; valueBytes: number }> {
  const [row] = await rowsOf(
    connection,
    `SELECT max(CASE WHEN bin IS NULL THEN strlen(txt) ELSE ((octet_length(bin) + 2) // 3) * 4 END)::DOUBLE FROM text
     WHERE ${whereSql(plan, plan)}`,
  );
  const fieldBytes = Math.max(...plan.series.map((one) => Buffer.byteLength(one.field)));
  return { fieldBytes, valueBytes: Math.min(LONGEST_TEXT, Math.max(1, Number(row?.[0] ?? 1))) };
}
