import { join } from 'node:path';
import { treeUsage } from '../measure/proc.ts';
import { slopeOf } from '../measure/summary.ts';
import { waitUntil } from '../peers/peer.ts';
import type { startSonde } from '../peers/sonde.ts';
import { startProgram, stopProcess } from '../processes.ts';
import { openWatcher } from '../worker/watcher.ts';
import { checkEveryOnce, type Verdict } from './every-once.ts';
import { readPoints, readSeries } from './rest.ts';

/** Resident memory of all of Sonde's processes at one moment, and of each, parents before children. */
export type MemorySample = {
  readonly seconds: number;
  readonly rssBytes: number;
  readonly rssBytesEach: readonly number[];
};

export type SoakResult = {
  readonly minutes: number;
  readonly memory: readonly MemorySample[];
  readonly samplerTopic: string;
  /** Samples that the sampler published, as another subscriber saw them: ids 0 to this minus one. */
  readonly samples: number;
  /** Ids that the other subscriber missed or saw twice: a fault of delivery and not of history. */
  readonly delivered: Verdict;
  readonly history: Verdict;
  /** Points in history of each series of the other device. */
  readonly sensors: readonly { readonly topic: string; readonly published: number; readonly recorded: number }[];
};

type Sonde = Awaited<ReturnType<typeof startSonde>>;

const SAMPLE_MS = 5000;
const READ_MOST = 100_000;

/** Lets both simulated devices run for some minutes and looks at memory and history. */
export async function soak(
  sonde: Sonde,
  root: string,
  minutes: number,
  say: (line: string) => void,
): Promise<SoakResult> {
  const seen = new Map<string, string[]>();
  const take = (topic: string, payload: string): void => {
    const known = seen.get(topic);
    if (known) known.push(payload);
    else seen.set(topic, [payload]);
  };
  const watchers = [
    await openWatcher(sonde.mqttPort, 'bench-soak-sampler', '+', take),
    await openWatcher(sonde.mqttPort, 'bench-soak-sensors', '/sensors/+', take),
  ];
  let output = '';
  const simulate = ['simulate', 'esp8266-ds18b20', 'mqtt-esp', '--url', `mqtt://127.0.0.1:${sonde.mqttPort}`];
  const devices = startProgram(process.execPath, [join(root, 'dist', 'main.js'), ...simulate], {
    onOutput: (text) => {
      output = (output + text).slice(-2000);
    },
  });
  const memory: MemorySample[] = [];
  try {
    const startedAt = Date.now();
    while (Date.now() - startedAt < minutes * 60_000) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(SAMPLE_MS, minutes * 60_000)));
      if (devices.exitCode !== null) throw new Error(`sonde simulate ended with ${devices.exitCode}: ${output.trim()}`);
      const { rssBytes, rssBytesEach } = treeUsage(sonde.pid);
      memory.push({ seconds: (Date.now() - startedAt) / 1000, rssBytes, rssBytesEach });
      if (memory.length % 12 === 0)
        say(`${(memory.length / 12).toFixed(0)} min: RSS ${(rssBytes / 2 ** 20).toFixed(1)} MiB`);
    }
  } finally {
    await stopProcess(devices);
  }
  const result = await judgeSoak(sonde, seen, minutes, memory);
  for (const watcher of watchers) {
    if (watcher.failure() !== '') throw new Error(watcher.failure());
    watcher.close();
  }
  return result;
}

async function judgeSoak(
  sonde: Sonde,
  seen: ReadonlyMap<string, readonly string[]>,
  minutes: number,
  memory: readonly MemorySample[],
): Promise<SoakResult> {
  const samplerTopic = [...seen.keys()].find((topic) => topic.startsWith('data-esp-'));
  if (samplerTopic === undefined) throw new Error('the simulated sampler published nothing');
  const ids = (seen.get(samplerTopic) ?? []).flatMap(idsOf);
  const samples = Math.max(-1, ...ids) + 1;
  const countOf = async (topic: string, field: string): Promise<number> =>
    (await readSeries(sonde.httpPort, topic)).find((one) => one.field === field)?.count ?? 0;
  // What stays away is counted below; waiting only gives the last batch its second.
  await waitUntil('the last sample', async () => (await countOf(samplerTopic, 'id')) >= samples, 10_000).catch(
    () => {},
  );
  const sensors = [];
  for (const [topic, payloads] of seen) {
    if (!topic.startsWith('/sensors/')) continue;
    sensors.push({ topic, published: payloads.length, recorded: await countOf(topic, 'value') });
  }
  return {
    minutes,
    memory,
    samplerTopic,
    samples,
    delivered: checkEveryOnce(ids, samples),
    history: checkEveryOnce(await readPoints(sonde.httpPort, samplerTopic, 'id', READ_MOST), samples),
    sensors,
  };
}

/** The ids in one message of the sampler; none in its other words (`<Data_begin>`). */
export function idsOf(payload: string): readonly number[] {
  if (!payload.startsWith('[')) return [];
  return (JSON.parse(payload) as { id: number }[]).map((one) => one.id);
}

/**
 * What the line fitted to the second half says: MiB at the end, and growth in MiB an hour. In the first half heaps and caches
 * still settle; what leaks goes on in the second.
 */
export function memoryTrend(memory: readonly MemorySample[]): {
  readonly endMiB: number;
  readonly growthMiBPerHour: number;
  readonly growthShare: number;
} {
  const settled = memory.slice(Math.floor(memory.length / 2));
  const slope = slopeOf(settled.map((one) => [one.seconds, one.rssBytes / 2 ** 20]));
  const endMiB = (settled.at(-1)?.rssBytes ?? Number.NaN) / 2 ** 20;
  const seconds = (settled.at(-1)?.seconds ?? 0) - (settled[0]?.seconds ?? 0);
  return { endMiB, growthMiBPerHour: slope * 3600, growthShare: (slope * seconds) / endMiB };
}
