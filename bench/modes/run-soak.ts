import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { startSonde } from '../peers/sonde.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { isClean } from './every-once.ts';
import { memoryTrend, type SoakResult, soak } from './soak.ts';

/** Growth over the second half, as the fitted line has it, up to which memory counts as flat. */
const FLAT_SHARE = 0.02;

/** `bench soak`: returns the exit code, 1 when memory grows or a sample is not exactly once in history. */
export async function runSoak(options: BenchArguments, root: string, say: (line: string) => void): Promise<number> {
  const sonde = await startSonde({ root: options.sonde ?? root, history: 'duckdb' });
  try {
    const result = await soak(sonde, options.sonde ?? root, options.minutes, say);
    const machine = describeMachine(root);
    const page = soakMarkdown(machineLine(machine), result);
    say(page);
    if (!options.quick || options.out !== null) {
      const names = saveResult(
        options.out ?? join(root, 'bench', 'results'),
        'soak',
        machine,
        { machine, ...result },
        page,
      );
      say(`written: ${names.join(', ')}`);
    }
    return passes(result) ? 0 : 1;
  } finally {
    await sonde.stop();
  }
}

/** Every sample once in history, at least three in four of those that the time allows, and memory flat. */
export function passes(result: SoakResult): boolean {
  const sensorsKept = result.sensors.length > 0 && result.sensors.every((one) => one.recorded === one.published);
  const enough = result.samples >= result.minutes * 60 * 0.75;
  return isClean(result.history) && isClean(result.delivered) && sensorsKept && enough && isFlat(result);
}

function isFlat({ memory }: SoakResult): boolean {
  return memoryTrend(memory).growthShare <= FLAT_SHARE;
}

/** The page of a run. */
export function soakMarkdown(machine: string, result: SoakResult): string {
  const { memory, history, delivered, sensors, samples, minutes } = result;
  const { endMiB, growthMiBPerHour, growthShare } = memoryTrend(memory);
  const mebibytes = memory.map((one) => one.rssBytes / 2 ** 20);
  return [
    '# Both simulated devices for a while',
    '',
    machine,
    '',
    `\`sonde simulate esp8266-ds18b20 mqtt-esp\` for ${minutes} minutes beside Sonde with recording on.`,
    '',
    `- Sampler: ${samples} samples published. Missing in history ${history.missing}, twice ${history.twice}, out of order ${history.disorder}, foreign ${history.foreign};`,
    `  to another subscriber: missing ${delivered.missing}, twice ${delivered.twice}, out of order ${delivered.disorder}.`,
    ...sensors.map((one) => `- \`${one.topic}\`: ${one.published} published, ${one.recorded} in history.`),
    `- Resident memory of all of Sonde’s processes, each 5 s: ${mebibytes[0]?.toFixed(1)} MiB first, ${endMiB.toFixed(1)} MiB last, between ${Math.min(...mebibytes).toFixed(1)} and ${Math.max(...mebibytes).toFixed(1)}.`,
    `- At the end ${(memory.at(-1)?.rssBytesEach ?? []).map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' + ')} MiB (broker, then history).`,
    `- In the second half the fitted line grows by ${growthMiBPerHour.toFixed(1)} MiB an hour, ${(growthShare * 100).toFixed(1)} % in that time: ${isFlat(result) ? 'flat' : 'NOT flat'} (at most ${FLAT_SHARE * 100} %).`,
    '',
  ].join('\n');
}
