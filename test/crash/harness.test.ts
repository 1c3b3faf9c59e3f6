import { expect, it } from 'vitest';
import { runCrashes } from './harness/run.ts';

/** As many as one likes: `npm run crash -- --cycles 300`; with the same choices again: `--seed N`. */
const CYCLES = Number(process.env['WORKSHOP_CRASH_CYCLES'] ?? 8);
const SEED = Number(process.env['WORKSHOP_CRASH_SEED'] ?? Date.now() % 2 ** 31);
const WISH = process.env['WORKSHOP_CRASH_ONLY'];
const FLAGS = process.env['WORKSHOP_CRASH_FLAGS'];

it(
  `nothing acknowledged is lost, and nothing is there twice: ${CYCLES} cycles made by chance, seed ${SEED}`,
  async () => {
    const { faults, report } = await runCrashes({
      cycles: CYCLES,
      seed: SEED,
      qos0WindowMs: Number(process.env['WORKSHOP_CRASH_QOS0_MS'] ?? 250),
      trace: process.env['WORKSHOP_CRASH_TRACE'] !== undefined,
      ...(WISH === undefined ? {} : { only: WISH }),
      ...(FLAGS === undefined ? {} : { flags: FLAGS.split(' ') }),
      say: (line) => console.log(`crash: ${line}`),
    });
    console.log(report);
    expect(faults, report).toBe(0);
  },
  180_000 + CYCLES * 10_000,
);
