import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Running, requireTool, start, startSonde, waitFor } from '../tooling/index.ts';
import { buildFaultyDisk, TOOLS } from './faults/disk-fault.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const STOP_MS = 5000;

describe.skipIf(process.platform !== 'linux')(
  'a start that is asked to stop before it is ready ends in good order',
  () => {
    requireTool(...TOOLS);
    let scratch: string;
    let data: string;
    let starting: Running | null = null;

    beforeEach(() => {
      scratch = mkdtempSync(join(tmpdir(), 'sonde-starting-'));
      data = join(scratch, 'data');
      mkdirSync(data);
    });
    afterEach(() => {
      starting?.signal('SIGKILL');
      starting = null;
      rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
    });

    function begin(history: 'duckdb' | 'off', env: NodeJS.ProcessEnv = {}): Running {
      const args = ['--data', data, '--mqtt', '127.0.0.1:0', '--http', '127.0.0.1:0', '--history', history];
      starting = start(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
      return starting;
    }

    /** Sends SIGTERM, and sees that nothing of it is left: no process, no lock. */
    async function stop({ pid, signal, exited, stdout }: Running): Promise<void> {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
      const sinceMs = performance.now();
      signal('SIGTERM');
      expect(await exited).toEqual({ code: 0, signal: null });
      expect(performance.now() - sinceMs).toBeLessThan(STOP_MS);
      expect(stdout()).toBe('');
      expect(children.filter((one) => existsSync(`/proc/${one}`))).toEqual([]);
      expect(readdirSync(data).filter((name) => name.includes('lock'))).toEqual([]);
    }

    it('while its store waits for a slow disk', async () => {
      const before = await startSonde({ dataDir: data, history: 'off' });
      await before.kill();
      const disk = await buildFaultyDisk(scratch, data);
      disk.begin('sync slow 600');
      const running = begin('off', disk.env);
      await waitFor('the opening of the store', () => disk.events().some(({ path }) => path.includes('/store/')));
      await stop(running);
      disk.end();
      const again = await startSonde({ dataDir: data, history: 'off' });
      await again.stop();
      expect(again.log()).not.toMatch(/damage|written anew/);
    }, 60_000);

    it('while it waits for a history database that another process holds', async () => {
      const other = join(scratch, 'other');
      mkdirSync(other);
      const holder = await startSonde({ dataDir: other, history: 'duckdb' });
      linkSync(join(other, 'history.duckdb'), join(data, 'history.duckdb'));
      const running = begin('duckdb');
      await waitFor('all but history', () => existsSync(join(data, 'store', 'log', '0001.seg')));
      await stop(running);
      await holder.stop();
    }, 60_000);
  },
);
