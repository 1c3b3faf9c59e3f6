import { describe, expect, it } from 'vitest';
import { nothingReached } from '../../base/index.ts';
import { createCheckPool } from './check-pool.ts';
import { createVerifiedCache } from './verified-cache.ts';

/** Checks that end when the test says so. */
function checks() {
  const open: (() => void)[] = [];
  let running = 0;
  let most = 0;
  return {
    check: () => {
      running += 1;
      most = Math.max(most, running);
      return new Promise<void>((resolve) => {
        open.push(() => {
          running -= 1;
          resolve();
        });
      });
    },
    endOne: async () => {
      open.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
    running: () => running,
    most: () => most,
  };
}

const reached = nothingReached();

describe('the pool of checks', () => {
  it('runs two at once, lets a bounded number wait, and refuses the rest at once', async () => {
    const { check, endOne, most, running } = checks();
    const pool = createCheckPool({ parallel: 2, maxWaiting: 3, maxWaitingPerAddress: 3, reached });
    const results = Array.from({ length: 8 }, () => pool.run('a', check));
    expect(results.map((result) => result !== null)).toEqual([true, true, true, true, true, false, false, false]);
    for (let at = 0; at < 5; at++) await endOne();
    await Promise.all(results.filter((result) => result !== null));
    expect(most()).toBe(2);
    expect(running()).toBe(0);
    expect(pool.waiting()).toBe(0);
    expect(pool.run('a', check)).not.toBeNull();
    expect(reached.maxWaitingSignInsPerAddress).toBe(3);
  });

  it('counts those for whom there is no room among all addresses', () => {
    const pool = createCheckPool({ parallel: 1, maxWaiting: 1, maxWaitingPerAddress: 1, reached });
    for (const address of ['a', 'b', 'c']) void pool.run(address, checks().check);
    expect(reached.maxWaitingSignIns).toBe(1);
  });

  it('does not let one address take every place', async () => {
    const { check, endOne } = checks();
    const pool = createCheckPool({ parallel: 1, maxWaiting: 4, maxWaitingPerAddress: 2, reached });
    const guesser = Array.from({ length: 10 }, () => pool.run('guesser', check));
    expect(guesser.filter((result) => result !== null)).toHaveLength(3);
    expect(pool.run('device', check)).not.toBeNull();
    await endOne();
    await endOne();
    expect(pool.run('guesser', check)).not.toBeNull();
  });

  it('goes on after a check that failed', async () => {
    const pool = createCheckPool({ parallel: 1, maxWaiting: 1, maxWaitingPerAddress: 1, reached });
    const bad = pool.run('a', () => Promise.reject(new Error('no memory')));
    const good = pool.run('a', async () => 'right');
    await expect(bad).rejects.toThrow('no memory');
    await expect(good).resolves.toBe('right');
  });
});

describe('the cache of verified pairs', () => {
  it('knows a pair by a digest that differs for each process and each cut between key and secret', () => {
    const cache = createVerifiedCache<string>(10);
    const digest = cache.digest('abcdefgh', Buffer.from('ijklmnop'));
    cache.put(digest, 'it');
    expect(cache.get(cache.digest('abcdefgh', Buffer.from('ijklmnop')))).toBe('it');
    for (const [key, secret] of [
      ['abcdefghi', 'jklmnop'],
      ['abcdefg', 'hijklmnop'],
      ['abcdefgh', 'ijklmno'],
      ['abcdefgh', ''],
      ['1:a', 'x'],
    ] as const) {
      expect(cache.get(cache.digest(key, Buffer.from(secret)))).toBeUndefined();
    }
    expect(createVerifiedCache<string>(10).digest('abcdefgh', Buffer.from('ijklmnop'))).not.toBe(digest);
  });

  it('is bounded, and lets go first of what was not asked for the longest', () => {
    const cache = createVerifiedCache<number>(3);
    for (let at = 0; at < 3; at++) cache.put(`d${at}`, at);
    cache.get('d0');
    cache.put('d3', 3);
    expect(['d0', 'd1', 'd2', 'd3'].map(cache.get)).toEqual([0, undefined, 2, 3]);
    for (let at = 0; at < 1000; at++) cache.put(`e${at}`, at);
    expect(cache.size()).toBe(3);
  });
});
