import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';

/** Rows that are turned into text in one turn of the event loop, which MQTT shares. About a millisecond. */
const ROWS_A_TURN = 500;
/** So few are not worth waiting for a turn. */
const FEW_ROWS = 50;

/**
 * Answers `{"name":[row,...]}`: few rows at once, more a slice a turn, at the reader's pace. `render` gives a row as JSON
 * text.
 */
export async function sendRows<T>(
  reply: FastifyReply,
  name: string,
  rows: readonly T[],
  render: (row: T) => string,
): Promise<FastifyReply> {
  reply.type('application/json; charset=utf-8');
  if (rows.length > ROWS_A_TURN) return reply.send(Readable.from(slices(name, rows, render), { objectMode: false }));
  if (rows.length > FEW_ROWS) await ownTurn();
  return reply.send(`{${JSON.stringify(name)}:[${renderSlice(rows, render)}]}`);
}

async function* slices<T>(name: string, rows: readonly T[], render: (row: T) => string): AsyncGenerator<string> {
  yield `{${JSON.stringify(name)}:[`;
  for (let at = 0; at < rows.length; at += ROWS_A_TURN) {
    await ownTurn();
    yield (at === 0 ? '' : ',') + renderSlice(rows.slice(at, at + ROWS_A_TURN), render);
  }
  yield ']}';
}

let lastTurn: Promise<void> = Promise.resolve();

/**
 * Resolves in a turn of the event loop that no other answer has: answers that come from history together would hold MQTT
 * up together.
 */
function ownTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn());
  return lastTurn;
}

function renderSlice<T>(rows: readonly T[], render: (row: T) => string): string {
  let text = '';
  for (let i = 0; i < rows.length; i++) text += i === 0 ? render(rows[i] as T) : `,${render(rows[i] as T)}`;
  return text;
}

/** Tells, without touching the body, that there is more than the limit let through. */
export function markTruncated(reply: FastifyReply, truncated: boolean): void {
  if (truncated) reply.header('sonde-truncated', 'true');
}
