import { nowMicros } from '../measure/clock.ts';
import { type TreeUsage, treeUsage } from '../measure/proc.ts';
import { waitUntil } from '../peers/peer.ts';
import type { LoadQos } from '../wire/encode.ts';
import { type BulkClient, openBulkClient } from '../worker/bulk-client.ts';
import { addVerdicts, checkEveryOnce, isClean, type Verdict } from './every-once.ts';
import { countPoints, readPoints } from './rest.ts';

/** What became of `messages` publishes. Rates are per second, from the first publish on. */
export type PublishesResult = {
  readonly qos: LoadQos;
  readonly clients: number;
  readonly messages: number;
  /** Until the last PUBACK (QoS 0: until the broker had read the last message). */
  readonly takenPerSecond: number;
  /** Until the last point could be queried. */
  readonly recordedPerSecond: number;
  readonly cpuMicrosPerMessage: number;
  readonly verdict: Verdict;
  readonly clean: boolean;
};

export type PublishesOptions = {
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly pid: number;
  readonly count: number;
};

const CLIENTS = 10;
const WINDOW = 100;
const RECORDED_MS = 120_000;

/** Publishes `count` bare numbers from ten clients at one QoS and reads them all back from history. */
export async function publishesAt(qos: LoadQos, options: PublishesOptions): Promise<PublishesResult> {
  const { mqttPort, httpPort, pid } = options;
  const each = Math.ceil(options.count / CLIENTS);
  const messages = each * CLIENTS;
  const topics = Array.from({ length: CLIENTS }, (_, i) => `bench/publishes/q${qos}/${i}`);
  const clients = await Promise.all(
    topics.map((_, i) => openBulkClient(mqttPort, `bench-bulk-q${qos}-${i}`, qos, WINDOW)),
  );
  const before = treeUsage(pid);
  const startedAt = nowMicros();
  await Promise.all(clients.map((client, i) => client.publishAll(topics[i]!, each, (n) => Buffer.from(String(n)))));
  const takenMicros = nowMicros() - startedAt;
  const { recordedMicros, after } = await recorded(options, `bench/publishes/q${qos}/+`, messages, startedAt);
  closeAll(clients);
  const verdicts = [];
  for (const topic of topics)
    verdicts.push(checkEveryOnce(await readPoints(httpPort, topic, 'value', Math.min(100_000, each * 2)), each));
  const verdict = addVerdicts(verdicts);
  return {
    qos,
    clients: CLIENTS,
    messages,
    takenPerSecond: (messages * 1e6) / takenMicros,
    recordedPerSecond: (messages * 1e6) / recordedMicros,
    cpuMicrosPerMessage: (after.cpuMicros - before.cpuMicros) / messages,
    verdict,
    clean: isClean(verdict),
  };
}

/** Waits until history counts all of them; gives up after two minutes without failing, since the verdict will say what is missing. */
async function recorded(
  options: PublishesOptions,
  filter: string,
  messages: number,
  startedAt: number,
): Promise<{ readonly recordedMicros: number; readonly after: TreeUsage }> {
  try {
    await waitUntil(
      'history',
      async () => (await countPoints(options.httpPort, filter, 'value')) >= messages,
      RECORDED_MS,
    );
  } catch {
    return { recordedMicros: Number.NaN, after: treeUsage(options.pid) };
  }
  return { recordedMicros: nowMicros() - startedAt, after: treeUsage(options.pid) };
}

function closeAll(clients: readonly BulkClient[]): void {
  for (const client of clients) client.close();
}
