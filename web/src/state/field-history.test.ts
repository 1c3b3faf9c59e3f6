import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RawPoint } from '../model/chart-columns.ts';
import { RestError } from '../net/rest.ts';
import { createFieldHistory } from './field-history.ts';

const S = 1_000_000;

describe('one field, from disk and then live', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('requestAnimationFrame', (draw: () => void) => setTimeout(draw, 16));
    vi.stubGlobal('document', { hidden: false });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  function open(stored: RawPoint[], firstFault?: Error) {
    const answer = vi.fn<() => Promise<RawPoint[]>>(() => Promise.resolve([...stored]));
    if (firstFault !== undefined) answer.mockRejectedValueOnce(firstFault);
    const rest = { points: answer, buckets: () => Promise.resolve([]) };
    const history = createFieldHistory({
      rest,
      topic: 't',
      field: 'value',
      range: { kind: 'all' },
      expected: 0,
      nowMs: () => 60_000,
    });
    const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);
    const pending = () => history.snapshot().columns.pendingCount;
    return { history, answer, stored, passes, pending };
  }

  it('shows what is on disk, and what came live as not known to be there', async () => {
    const { history, passes, pending } = open([[1 * S, 10]]);
    await passes(50);
    history.addLive(2 * S, 2 * S, 20);
    await passes(50);
    expect(history.snapshot().columns.value).toEqual([10, 20]);
    expect(pending()).toBe(1);
    expect(history.snapshot().recent.map((one) => one.onDisk)).toEqual([true, false]);
  });

  it('asks again until history gives the live value back, and then no more', async () => {
    const { history, passes, pending, stored, answer } = open([[1 * S, 10]]);
    await passes(50);
    history.addLive(2 * S, 2 * S, 20);
    await passes(5000);
    expect(pending()).toBe(1);
    stored.splice(0, 1, [1 * S, 10], [2 * S, 20]);
    await passes(3000);
    expect(pending()).toBe(0);
    const asked = answer.mock.calls.length;
    await passes(20_000);
    expect(answer.mock.calls.length).toBe(asked);
  });

  it('takes the word of a commit for it', async () => {
    const { history, passes, pending } = open([[1 * S, 10]]);
    await passes(50);
    history.addLive(2 * S, 2 * S, 20);
    history.setSure(2 * S);
    await passes(50);
    expect(pending()).toBe(0);
  });

  it('reads all again for a value that belongs between others', async () => {
    const { history, passes, stored } = open([
      [1 * S, 10],
      [9 * S, 90],
    ]);
    await passes(50);
    stored.splice(1, 0, [5 * S, 50]);
    history.addLive(5 * S, 60 * S, 50);
    await passes(3000);
    expect(history.snapshot().columns.value.filter((value) => value !== null)).toEqual([10, 50, 90]);
  });

  it('goes on live while history is down, says so, and mends itself', async () => {
    const { history, passes } = open([[1 * S, 10]], new RestError(503, 'The history process is restarting.'));
    history.addLive(2 * S, 2 * S, 20);
    await passes(50);
    expect(history.snapshot()).toMatchObject({ fault: 'The history process is restarting.', loading: false });
    expect(history.snapshot().columns.value).toEqual([20]);
    await passes(3000);
    expect(history.snapshot().fault).toBe('');
    expect(history.snapshot().columns.value).toEqual([10, 20]);
  });

  it('waits for a slow answer instead of asking again and again', async () => {
    const { history, passes, answer } = open([]);
    await passes(50);
    history.addLive(2 * S, 2 * S, 20);
    answer.mockReturnValueOnce(new Promise(() => {}));
    await passes(20_000);
    expect(answer).toHaveBeenCalledTimes(2);
    history.end();
  });
});
