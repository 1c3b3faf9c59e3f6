import { connect as connectTo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Canary, residentMiB, startCanary } from '../conformance/canary.ts';
import { connectBytes, open } from '../conformance/client.ts';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { readCorpus } from './corpus.ts';
import { type Input, makeInput } from './inputs.ts';
import { randomOf } from './random.ts';

/** As long as one likes: WORKSHOP_FUZZ_SECONDS=3600; the same again: WORKSHOP_FUZZ_SEED=...; one input of it: WORKSHOP_FUZZ_INPUT=n */
const SECONDS = Number(process.env['WORKSHOP_FUZZ_SECONDS'] ?? process.env['FUZZ_SECONDS'] ?? 12);
const SEED = Number(process.env['WORKSHOP_FUZZ_SEED'] ?? process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const ONLY = process.env['WORKSHOP_FUZZ_INPUT'] ?? process.env['FUZZ_INPUT'];

const BATCH = 100;
const ANSWER_MS = 1000;
const GROWTH_MIB = 200;
const FAULTS = /uncaught|unhandled|fault of Sonde|TypeError|RangeError|^\s+at /im;

describe(`streams of bytes, seed ${SEED}`, () => {
  let sonde: RunningSonde;
  let canary: Canary;
  const corpus = readCorpus();
  const streams = corpus.map(({ bytes }) => bytes);

  beforeAll(async () => {
    sonde = await startSonde({ history: 'duckdb' });
    canary = await startCanary(sonde.mqttPort);
  });
  afterAll(async () => {
    await canary?.stop();
    await sonde?.stop(); // throws unless it ends cleanly: it is still the process that was started
  });

  /** Says it all, and listens until the broker has closed or has had time to answer. */
  async function throwAt({ bytes, cuts, transport }: Input): Promise<() => void> {
    if (transport === 'websocket') {
      const socket = new WebSocket(sonde.wsUrl, 'mqtt');
      socket.on('error', () => {});
      await new Promise<void>((resolve) => socket.once('open', resolve).once('close', () => resolve()));
      for (const part of parts(bytes, cuts)) if (socket.readyState === WebSocket.OPEN) socket.send(part);
      return () => socket.terminate();
    }
    const socket = connectTo({ host: '127.0.0.1', port: sonde.mqttPort, noDelay: true });
    socket.on('error', () => {});
    socket.resume();
    await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
    for (const part of parts(bytes, cuts)) {
      if (socket.writable) socket.write(part);
      if (cuts.length > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return () => socket.destroy();
  }

  async function throwAll(inputs: readonly Input[]): Promise<void> {
    const ends = await Promise.all(inputs.map(throwAt));
    await canary.worstMs();
    for (const end of ends) end();
    // The port answers, and not late.
    expect(await canary.worstMs()).toBeLessThan(ANSWER_MS);
    expect(sonde.log()).not.toMatch(FAULTS);
  }

  it.each(corpus.map(({ name }) => name))('that were interesting once harm nobody: %s', async (name) => {
    const { bytes } = corpus.find((each) => each.name === name) as (typeof corpus)[number];
    const everyByte = Array.from({ length: Math.min(bytes.length, 200) }, (_, at) => at);
    await throwAll([
      { bytes, cuts: [], transport: 'tcp' },
      { bytes, cuts: everyByte, transport: 'tcp' },
      { bytes, cuts: [], transport: 'websocket' },
    ]);
  });

  it(
    `made by chance harm nobody, for ${SECONDS} s`,
    async () => {
      const until = performance.now() + SECONDS * 1000;
      let settledMiB = 0;
      let number = ONLY === undefined ? 0 : Number(ONLY);
      for (let batch = 0; performance.now() < until; batch++) {
        const first = number;
        const count = ONLY === undefined ? BATCH : 1;
        const inputs = Array.from({ length: count }, () => makeInput(randomOf(SEED, number++), streams));
        try {
          await throwAll(inputs);
        } catch (error) {
          const repeat = `WORKSHOP_FUZZ_SEED=${SEED} WORKSHOP_FUZZ_INPUT=${first}`;
          const said = inputs.map(({ bytes }) => bytes.toString('hex', 0, 400)).join('\n');
          throw new Error(
            `one of the inputs ${first} to ${number - 1} (${repeat}):\n${said}\n${sonde.log().slice(-4000)}`,
            { cause: error },
          );
        }
        if (ONLY !== undefined) return;
        if (batch === 4) settledMiB = await residentMiB(sonde.pid, sonde.url);
      }
      expect(number).toBeGreaterThan(BATCH);
      if (settledMiB > 0) expect((await residentMiB(sonde.pid, sonde.url)) - settledMiB).toBeLessThan(GROWTH_MIB);
    },
    SECONDS * 1000 + 60_000,
  );

  it('leave history at work: it answers, and what is published now comes to it', async () => {
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

function parts(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((end, n) => bytes.subarray(edges[n] as number, end));
}
