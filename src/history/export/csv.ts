import type { DuckDBConnection } from '@duckdb/node-api';
import { type Plan, windowsOf } from './plan.ts';
import { type CellSink, readWindow, type TextCell } from './row-reader.ts';
import { isoTime } from './time-text.ts';

/** A chunk goes out when it has about this many characters. */
const CHUNK_LENGTH = 128 * 1024;

/**
 * RFC 4180: `time,arrived,<field>...`, one line a message row, CRLF. Times are ISO 8601 UTC with 6 decimals. A gap mark
 * and a field that the message did not have are empty; empty text is `""`; bytes are base64.
 */
export async function* csvChunks(connection: DuckDBConnection, plan: Plan): AsyncGenerator<Uint8Array> {
  const cells = plan.series.map(() => '');
  let out = `time,arrived,${plan.series.map((one) => quoted(one.field)).join(',')}\r\n`;
  let rowTime = Number.NaN;
  let rowArrived = Number.NaN;
  let rowSeq = Number.NaN;

  const endRow = (): void => {
    if (Number.isNaN(rowSeq)) return;
    const time = isoTime(rowTime);
    out += `${time},${rowArrived === rowTime ? time : isoTime(rowArrived)},${cells.length === 1 ? cells[0] : cells.join(',')}\r\n`;
    cells.fill('');
  };

  const sink: CellSink = {
    cell: (timeUs, arrivedUs, seq, column, value, text) => {
      if (seq !== rowSeq || timeUs !== rowTime) {
        endRow();
        rowTime = timeUs;
        rowArrived = arrivedUs;
        rowSeq = seq;
      }
      cells[column] = text === null ? numberCell(value) : textCell(text);
    },
  };

  for (const window of await windowsOf(connection, plan)) {
    for await (const _ of readWindow(connection, plan, window, sink)) {
      if (out.length < CHUNK_LENGTH) continue;
      yield Buffer.from(out);
      out = '';
    }
  }
  endRow();
  if (out.length > 0) yield Buffer.from(out);
}

function numberCell(value: number): string {
  if (Number.isNaN(value)) return '';
  return Object.is(value, -0) ? '-0' : String(value);
}

function textCell(text: TextCell): string {
  if (typeof text !== 'string') return Buffer.from(text).toString('base64');
  return text === '' ? '""' : quoted(text);
}

function quoted(text: string): string {
  return /[",\r\n]|^ | $/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
