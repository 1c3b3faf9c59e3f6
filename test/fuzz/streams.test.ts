import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBytes, open } from '../conformance/client.ts';
import { waitFor } from '../tooling/index.ts';
import { readCorpus, writeFound } from './corpus.ts';
import { type Input, makeInput } from './inputs.ts';
import { randomOf } from './random.ts';
import { startTarget, type Target } from './target.ts';

/** As long as one likes: `npm run fuzz -- --minutes 20`; the same inputs again: `--seed N`. */
const SECONDS = Number(process.env['WORKSHOP_FUZZ_SECONDS'] ?? (process.env['CI'] ? 45 : 12));
const SEED = Number(process.env['WORKSHOP_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const BATCH = 100;
const SAMPLE_EVERY_S = 10;
/** From the end of the warm-up, a quarter of the time, to the end. */
const GROWTH_MIB = 150;

describe(`streams of bytes, seed ${SEED}`, () => {
  let target: Target;
  const corpus = readCorpus();
  const streams = corpus.flatMap(({ inputs }) => inputs.slice(0, 1)).map(({ bytes }) => bytes);

  beforeAll(async () => {
    target = await startTarget();
  });
  afterAll(() => target?.stop());

  it.each(corpus.map(({ name }) => name))('that were interesting once harm nobody: %s', async (name) => {
    const found = corpus.find((each) => each.name === name);
    await target.throwAll(found?.inputs ?? []);
  });

  it(
    `made by chance harm nobody, for ${SECONDS} s`,
    async () => {
      const since = performance.now();
      const elapsedS = () => (performance.now() - since) / 1000;
      const resident: number[] = [];
      let tried = 0;
      let slowestMs = 0;
      let slowestAloneMs = 0;
      const figures = () =>
        `fuzz: ${tried} inputs in ${elapsedS().toFixed(0)} s (${(tried / elapsedS()).toFixed(0)} a second), 0 crashes; ` +
        `longest answer to others ${slowestMs.toFixed(0)} ms (less the time without a processor: ` +
        `${slowestAloneMs.toFixed(0)} ms); resident MiB ${resident.map(Math.round).join(' ')}; seed ${SEED}`;
      while (elapsedS() < SECONDS) {
        const inputs = Array.from({ length: BATCH }, (_, n) => makeInput(randomOf(SEED, tried + n), streams));
        try {
          const answer = await target.throwAll(inputs);
          slowestMs = Math.max(slowestMs, answer.ms);
          slowestAloneMs = Math.max(slowestAloneMs, answer.ms - answer.starvedMs);
        } catch (error) {
          throw await failure(tried, inputs, error);
        }
        tried += BATCH;
        if (elapsedS() < resident.length * SAMPLE_EVERY_S) continue;
        resident.push(await target.residentMiB());
        if (resident.length % 6 === 0) console.log(figures());
      }
      resident.push(await target.residentMiB());
      console.log(figures());
      expect(tried).toBeGreaterThan(BATCH);
      const warmedUp = resident[Math.ceil(resident.length / 4)] ?? 0;
      expect(Math.max(...resident.slice(-3)) - warmedUp, figures()).toBeLessThan(GROWTH_MIB);
    },
    SECONDS * 1000 + 120_000,
  );

  it('leave history at work: it answers, and what is published now comes to it', async () => {
    const { sonde } = target;
    const client = await open(sonde.mqttPort, 4);
    client.send(connectBytes({ level: 4, id: 'after-the-storm' }));
    await client.take('connack');
    await client.publish('after/storm', '42', { qos: 1 });
    await waitFor('the point', async () => {
      const response = await fetch(`${sonde.url}/api/v1/points?topic=after/storm&field=value&limit=10`);
      return response.ok && (await response.text()).includes('42');
    });
    client.destroy();
    expect(await (await fetch(`${sonde.url}/health`)).json()).toMatchObject({ status: 'ok' });
  });
});

/** Writes the batch, or the one input of it that does it alone to a Sonde of its own. */
async function failure(first: number, inputs: readonly Input[], cause: unknown): Promise<Error> {
  const file = writeFound(SEED, first, inputs);
  let which = 'one of them or all together';
  const fresh = await startTarget();
  let culprit: Input | undefined;
  for (const input of inputs) {
    const harmed = await fresh.throwAll([input]).then(
      () => false,
      () => true,
    );
    if (!harmed) continue;
    culprit = input;
    break;
  }
  await fresh.stop().catch(() => {});
  if (culprit) {
    writeFound(SEED, first, [culprit]);
    which = 'alone';
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(
    `inputs from ${first} on, seed ${SEED}: ${why}\nWritten to ${file} (${which}), where it is replayed.`,
    { cause },
  );
}
