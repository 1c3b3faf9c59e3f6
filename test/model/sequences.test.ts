import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { type Action, sequences } from './actions.ts';
import { replay } from './replay.ts';

/** As long as one likes: `npm run model -- --minutes 20`; the same again: `--seed N`. */
const SECONDS = Number(process.env['WORKSHOP_MODEL_SECONDS'] ?? 20);
const SEED = Number(process.env['WORKSHOP_MODEL_SEED'] ?? Date.now() % 2 ** 31);
/** Without a wish for time: as many as a slow machine does in that time. */
const MOST = process.env['WORKSHOP_MODEL_SECONDS'] === undefined ? 3000 : Number.POSITIVE_INFINITY;
const BATCH = 250;
/** A sequence takes milliseconds: one that takes so long hangs, and that is a difference too. */
const HANGS_MS = 10_000;
/** So long at most the search for a shorter sequence goes on, on any machine; then the shortest so far is told. */
const SHORTENING_MS = 60_000;
const FOLDER = new URL('./fixtures/', import.meta.url);

describe('broker and model do the same', () => {
  it.each(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith('.json'))
      .sort(),
  )('in the sequence that was found once: %s', async (name) => {
    await replay(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Action[]);
  });

  it(
    `in sequences made by chance, seed ${SEED}`,
    async () => {
      const until = performance.now() + SECONDS * 1000;
      let tried = 0;
      let actions = 0;
      const counted = async (sequence: readonly Action[]): Promise<void> => {
        tried += 1;
        actions += sequence.length;
        await replay(sequence);
      };
      let saidAt = performance.now();
      for (let seed = SEED; tried < MOST && performance.now() < until; seed++) {
        if (performance.now() - saidAt > 30_000) {
          saidAt = performance.now();
          console.log(`model: ${tried} sequences so far`);
        }
        const bounds = { timeout: HANGS_MS, interruptAfterTimeLimit: until - performance.now() + SHORTENING_MS };
        const found = await fc.check(fc.asyncProperty(sequences, counted), { numRuns: BATCH, seed, ...bounds });
        if (found.failed) throw failure(found.counterexample?.[0] ?? [], seed, found.errorInstance);
      }
      console.log(`model: ${tried} sequences, ${actions} actions, none failing; seed ${SEED}`);
    },
    SECONDS * 1000 + 120_000,
  );
});

/**
 * Writes the shrunk sequence where it is replayed from now on, and tells it: of a run in CI nothing else is left. What it says
 * is not by chance, as the seed makes the same sequences again.
 */
function failure(sequence: readonly Action[], seed: number, cause: unknown): Error {
  const name = `found-${seed}.json`;
  mkdirSync(FOLDER, { recursive: true });
  const written = `[\n${sequence.map((action) => `  ${JSON.stringify(action)}`).join(',\n')}\n]\n`;
  writeFileSync(new URL(name, FOLDER), written);
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(
    `${why}\nthe shortest sequence is in test/model/fixtures/${name}; give it a name that says what it found\n${written}again: npm run model -- --seed ${seed}`,
    {
      cause,
    },
  );
}
