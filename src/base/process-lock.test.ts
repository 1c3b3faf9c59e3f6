import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LockHolder, type LockMachine, takeLock } from './process-lock.ts';

const NOW = 1_800_000_000_000;

let folder: string;
let path: string;
const releases: (() => void)[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => {
  for (const release of releases.splice(0)) release();
  fs.rmSync(folder, { recursive: true, force: true });
});

type Fake = Partial<Omit<LockHolder, 'nonce'>> & {
  alive?: readonly number[];
  ticks?: Readonly<Record<number, string>>;
};

/** A machine where process 100 asks. */
function machine({ alive = [], ticks = {}, ...self }: Fake = {}): LockMachine {
  return {
    self: () => ({ pid: 100, host: 'here', bootId: 'boot-2', startTicks: '5000', ...self }),
    startTicksOf: (pid) => ticks[pid] ?? null,
    isAlive: (pid) => alive.includes(pid),
    wallMs: () => NOW,
  };
}

/** A lock file as another process left it, last touched `silentMs` ago. */
function lockOf(holder: Partial<LockHolder>, silentMs = 0, file = path): void {
  const whole = { pid: 7, host: 'here', bootId: 'boot-2', startTicks: '70', nonce: 'theirs', ...holder };
  fs.writeFileSync(file, JSON.stringify(whole));
  touched(silentMs, file);
}

function touched(silentMs: number, file = path): void {
  fs.utimesSync(file, (NOW - silentMs) / 1000, (NOW - silentMs) / 1000);
}

function take(given: LockMachine) {
  const result = takeLock(path, given);
  if (result.held) releases.push(result.release);
  return result;
}

describe('a lock', () => {
  it('is held by one, names it, and is gone after its release', () => {
    const first = take(machine());
    expect(first.held).toBe(true);
    expect(fs.statSync(path).mode & 0o077).toBe(0);
    const second = take(machine({ alive: [100], ticks: { 100: '5000' }, pid: 101 }));
    expect(second).toMatchObject({ held: false, holder: { pid: 100, host: 'here' } });
    if (first.held) first.release();
    expect(fs.readdirSync(folder)).toEqual([]);
    expect(take(machine({ pid: 101 })).held).toBe(true);
  });

  it('is not released by one that it was taken from', () => {
    const first = take(machine());
    lockOf({ nonce: 'theirs' });
    if (first.held) first.release();
    expect(fs.existsSync(path)).toBe(true);
  });

  it.each<[string, Partial<LockHolder>, silentMs: number, Fake, takenOver: boolean]>([
    ['whose process runs', {}, 0, { alive: [7], ticks: { 7: '70' } }, false],
    ['whose process runs, however long it is silent', {}, 3_600_000, { alive: [7], ticks: { 7: '70' } }, false],
    ['whose process is gone', {}, 0, {}, true],
    ['whose number another process has now', {}, 0, { alive: [7], ticks: { 7: '71' } }, true],
    [
      'of our own number in an earlier life',
      { pid: 100, startTicks: '1' },
      0,
      { alive: [100], ticks: { 100: '5000' } },
      true,
    ],
    ['from before a restart of the machine', { bootId: 'boot-1' }, 0, { alive: [7], ticks: { 7: '70' } }, true],
    ['of another host that is not silent', { host: 'there' }, 30_000, {}, false],
    ['of another host that fell silent', { host: 'there' }, 61_000, {}, true],
    ['of a live process where nobody can tell its start', { startTicks: null }, 30_000, { alive: [7] }, false],
    ['of such a process that fell silent', { startTicks: null }, 61_000, { alive: [7] }, true],
    ['with a time in the future', { host: 'there' }, -3_600_000, {}, false],
  ])('%s: taken over or not', (_, holder, silentMs, fake, takenOver) => {
    lockOf(holder, silentMs);
    const result = take(machine(fake));
    expect(result.held).toBe(takenOver);
    if (!takenOver) expect(result).toMatchObject({ holder: { nonce: 'theirs' } });
    expect(fs.readdirSync(folder)).toEqual(['lock']);
  });

  it.skipIf(process.platform !== 'linux')('of a process that is dead and not waited for is taken over', async () => {
    // The shell becomes `sleep`, which never waits for the child that it inherited.
    const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      const stat = (): string[] => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      await expect.poll(() => stat()[0], { timeout: 5000 }).toBe('Z');
      lockOf({ pid, host: hostname(), bootId: null, startTicks: stat()[19]! });
      const result = takeLock(path);
      if (result.held) releases.push(result.release);
      expect(result.held).toBe(true);
    } finally {
      parent.kill();
    }
  });

  it.each(['', '{', '[]', 'null', '{"pid":-1,"host":"here","nonce":"x"}', '{"pid":"7"}'])(
    'file that holds %j is respected while it may still be being written, then taken over',
    (text) => {
      fs.writeFileSync(path, text);
      touched(1_000);
      expect(take(machine())).toEqual({ held: false, holder: null });
      touched(11_000);
      expect(take(machine()).held).toBe(true);
    },
  );

  it('is left alone while somebody else takes it over, and not blocked for ever by a file that does not say who', () => {
    lockOf({});
    fs.writeFileSync(`${path}.takeover`, '');
    touched(0, `${path}.takeover`);
    expect(take(machine())).toEqual({ held: false, holder: null, guard: `${path}.takeover` });
    touched(20_000, `${path}.takeover`);
    expect(take(machine()).held).toBe(true);
    expect(fs.readdirSync(folder)).toEqual(['lock']);
  });

  it('whose taking over was killed is taken over at once, and by nobody while that process lives', () => {
    lockOf({});
    lockOf({ pid: 8, nonce: 'guarding' }, 0, `${path}.takeover`);
    const lives = machine({ alive: [8], ticks: { 8: '70' } });
    expect(take(lives)).toMatchObject({ held: false, holder: { pid: 8 }, guard: `${path}.takeover` });
    expect(take(machine()).held).toBe(true);
    expect(fs.readdirSync(folder)).toEqual(['lock']);
  });

  it('goes to one of two starts at once, whoever is faster at which step', () => {
    const both = { alive: [100, 101], ticks: { 100: '5000', 101: '5000' } };
    // The second one comes while the first looks whether process 7 (the lock's) or 8 (its guard's) lives, for the nth time.
    const cases = [7, 8].flatMap((pid) =>
      [1, 2].flatMap((nth) => [true, false].map((guarded) => ({ pid, nth, guarded }))),
    );
    let interrupted = 0;
    for (const { pid, nth, guarded } of cases) {
      lockOf({});
      if (guarded) lockOf({ pid: 8, nonce: 'guarding' }, 0, `${path}.takeover`);
      let looks = 0;
      const results: boolean[] = [];
      const first = machine(both);
      const isAlive = (asked: number): boolean => {
        if (asked === pid && ++looks === nth) {
          interrupted += 1;
          results.push(take(machine({ ...both, pid: 101 })).held);
        }
        return first.isAlive(asked);
      };
      results.push(take({ ...first, isAlive }).held);
      expect(results.filter(Boolean), JSON.stringify({ pid, nth, guarded })).toHaveLength(1);
      expect(fs.readdirSync(folder)).toEqual(['lock']);
      for (const release of releases.splice(0)) release();
    }
    expect(interrupted).toBeGreaterThan(4);
  });

  it('goes to one of many who want a stale one', () => {
    lockOf({});
    const pids = Array.from({ length: 20 }, (_, at) => 100 + at);
    const ticks = Object.fromEntries(pids.map((pid) => [pid, '5000']));
    const everybody = pids.map((pid) => take(machine({ pid, alive: pids, ticks })));
    expect(everybody.filter((result) => result.held)).toHaveLength(1);
  });

  it('that cannot be written throws what the system said', () => {
    expect(() => takeLock(join(folder, 'absent', 'lock'), machine())).toThrow(/ENOENT/);
  });
});
