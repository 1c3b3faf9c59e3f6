import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PointsQuery } from './port.ts';
import { createRig, type Rig, removeFolder, temporaryFolder } from './testing/rig.ts';
import { pointsOf } from './testing/rows.ts';

const MESSAGES = 30_000;
const TEXT = 'x'.repeat(900);
const all: PointsQuery = { world: 1, topic: 't', field: 'value', fromUs: null, toUs: null };

let folder: string;
let rig: Rig | null = null;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await rig?.history.stop();
  rig = null;
  removeFolder(folder);
});

/** 27 MB of texts whose times are in no order, so that an answer has to be sorted. */
async function recordedWith(memoryLimitMb: number): Promise<Rig> {
  rig = createRig(folder, { memoryLimitMb });
  await rig.history.start();
  for (let n = 0; n < MESSAGES; n++) {
    rig.publish('t', TEXT + n, (n * 7919) % MESSAGES);
    if (n % 10_000 === 9999) await rig.recorded(n + 1);
  }
  return rig;
}

describe('the memory of history', () => {
  it('too small for a question: that one is refused, all that came is kept, and others are answered', async () => {
    const { history } = await recordedWith(16);
    await expect(pointsOf(history, all, MESSAGES)).rejects.toMatchObject({ code: 'no-memory' });
    expect(history.status()).toMatchObject({
      state: 'ok',
      recordedMessages: MESSAGES,
      droppedMessages: 0,
      restarts: 0,
    });
    const [series] = await history.series(1, 't', 1);
    expect(series?.count).toBe(MESSAGES);
    const few = await pointsOf(history, { ...all, fromUs: 0, toUs: 5 }, 100);
    expect(few.map(([timeUs]) => timeUs)).toEqual([0, 1, 2, 3, 4]);
  });

  it('large enough for it: the same question is answered', async () => {
    const { history } = await recordedWith(256);
    const points = await pointsOf(history, all, MESSAGES);
    expect(points.map(([timeUs]) => timeUs)).toEqual(Array.from({ length: MESSAGES }, (_, n) => n));
  });
});
