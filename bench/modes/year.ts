import { nowMicros } from '../measure/clock.ts';
import { waitUntil } from '../peers/peer.ts';
import { openBulkClient } from '../worker/bulk-client.ts';
import { countPoints } from './rest.ts';

/** A year of made-up data in history. */
export type Year = {
  readonly topics: readonly string[];
  /** ISO times of the span, end exclusive. */
  readonly from: string;
  readonly to: string;
  readonly points: number;
  readonly seconds: number;
};

const TOPICS = 10;
const ROWS_A_MESSAGE = 200;
const YEAR_MS = 365 * 86_400_000;
/** The filling stops here and says how far it came. */
const BUDGET_MS = 120_000;

/** Fills history with about `points` points of the past year, evenly spaced, on ten topics; less when it takes two minutes. */
export async function fillYear(mqttPort: number, httpPort: number, points: number): Promise<Year> {
  const startedAt = nowMicros();
  const end = Math.floor(Date.now() / 60_000) * 60_000;
  const topics = Array.from({ length: TOPICS }, (_, i) => `bench/year/${i}`);
  const messages = Math.ceil(points / TOPICS / ROWS_A_MESSAGE);
  const stepMs = YEAR_MS / (messages * ROWS_A_MESSAGE);
  const clients = await Promise.all(topics.map((_, i) => openBulkClient(mqttPort, `bench-year-${i}`, 1, 4)));
  // In slices, so that all topics grow together and a run out of time leaves the same span on each.
  const slice = Math.max(1, Math.ceil(messages / 100));
  let done = 0;
  while (done < messages && nowMicros() - startedAt < BUDGET_MS * 1000) {
    const first = done;
    const count = Math.min(slice, messages - first);
    const payload = (n: number): Uint8Array => rowsFrom(end - YEAR_MS, (first + n) * ROWS_A_MESSAGE, stepMs);
    await Promise.all(clients.map((client, i) => client.publishAll(topics[i]!, count, payload)));
    done += count;
  }
  for (const client of clients) client.close();
  const total = done * ROWS_A_MESSAGE * TOPICS;
  await waitUntil(
    'the year in history',
    async () => (await countPoints(httpPort, 'bench/year/+', 'v')) >= total,
    BUDGET_MS,
  );
  return {
    topics,
    from: new Date(end - YEAR_MS).toISOString(),
    to: new Date(end).toISOString(),
    points: total,
    seconds: (nowMicros() - startedAt) / 1e6,
  };
}

/** One message: `[{"time":"2026-01-01T00:00:00.000Z","v":21.5},...]`. */
export function rowsFrom(startMs: number, firstRow: number, stepMs: number): Uint8Array {
  const rows = Array.from({ length: ROWS_A_MESSAGE }, (_, i) => {
    const at = startMs + Math.round((firstRow + i) * stepMs);
    // A daily swing with a ripple: values that compress like those of a room, not like a constant.
    const value = 20 + 5 * Math.sin(at / 13_750_987) + ((firstRow + i) % 37) / 100;
    return `{"time":"${new Date(at).toISOString()}","v":${value.toFixed(2)}}`;
  });
  return Buffer.from(`[${rows.join(',')}]`);
}
