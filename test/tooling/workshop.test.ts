import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprint } from '../../scripts/workshop/fingerprint.mjs';
import { dependenciesAreCurrent } from '../../scripts/workshop/install.mjs';
import { leftovers, MARK } from '../../scripts/workshop/leftovers.mjs';
import { root } from '../../scripts/workshop/paths.mjs';
import { run } from '../../scripts/workshop/run.mjs';
import { refusal } from '../../scripts/workshop/runtime.mjs';
import { addUp, faultsOf } from '../../scripts/workshop/vitest.mjs';
import { start } from './processes.ts';
import { waitFor } from './wait.ts';

describe('what is refused', () => {
  it('names an old Node and the one that is needed', () => {
    expect(refusal('20.18.3', 'x64', '>=20.19')).toBe(
      'Sonde needs Node 20.19 or later: this is 20.18.3. Get one at https://nodejs.org.',
    );
    expect(refusal('18.20.0', 'arm64', '>=20.19')).toContain('this is 18.20.0');
  });

  it('is 32-bit ARM, in one line', () => {
    const line = refusal('20.19.0', 'arm', '>=20.19');
    expect(line).toContain('32-bit ARM');
    expect(line).not.toContain('\n');
  });

  it.each(['20.19.0', '22.1.0', '24.0.0'])('is not Node %s', (version) => {
    expect(refusal(version, 'x64', '>=20.19')).toBeNull();
  });
});

describe('the look at node_modules', () => {
  let folder: string;
  const lock = (packages: object) => writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
  const installed = (packages: object) =>
    writeFileSync(join(folder, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-workshop-'));
    mkdirSync(join(folder, 'node_modules'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('finds this repository’s own dependencies current', () => {
    expect(dependenciesAreCurrent(root)).toBe(true);
  });

  it('wants an installation where there is none, or where one was interrupted', () => {
    lock({ '': {}, 'node_modules/a': { version: '1.0.0' } });
    expect(dependenciesAreCurrent(folder)).toBe(false);
  });

  it('wants one when a version differs or a package is new', () => {
    installed({ 'node_modules/a': { version: '1.0.0' } });
    lock({ '': {}, 'node_modules/a': { version: '1.0.0' } });
    expect(dependenciesAreCurrent(folder)).toBe(true);
    lock({ '': {}, 'node_modules/a': { version: '1.0.1' } });
    expect(dependenciesAreCurrent(folder)).toBe(false);
    lock({ '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0' } });
    expect(dependenciesAreCurrent(folder)).toBe(false);
  });

  it('does not miss another system’s parts, but does miss this one’s', () => {
    installed({});
    lock({ '': {}, 'node_modules/a-sunos': { version: '1.0.0', optional: true, os: ['sunos'] } });
    expect(dependenciesAreCurrent(folder)).toBe(true);
    lock({ '': {}, 'node_modules/a-here': { version: '1.0.0', optional: true, os: [process.platform] } });
    expect(dependenciesAreCurrent(folder)).toBe(false);
  });

  it('has every system’s prebuilt parts in the lock file, or npm ci would refuse it or leave them out', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const named = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(named.filter((name) => packages[`node_modules/${name}`] === undefined)).toEqual([]);
    expect(named).toContain('@duckdb/node-bindings-darwin-arm64');
  });
});

describe('the fingerprint of sources', () => {
  it('changes with a name and with a byte, and with nothing else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-workshop-'));
    const now = () => fingerprint(folder, ['a', 'absent'], (path) => !path.endsWith('.md'));
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a', 'one.ts'), 'x');
    const first = now();
    writeFileSync(join(folder, 'a', 'note.md'), 'x');
    expect(now()).toBe(first);
    writeFileSync(join(folder, 'a', 'one.ts'), 'y');
    expect(now()).not.toBe(first);
    writeFileSync(join(folder, 'a', 'one.ts'), 'x');
    expect(now()).toBe(first);
    writeFileSync(join(folder, 'a', 'two.ts'), '');
    expect(now()).not.toBe(first);
    rmSync(folder, { recursive: true });
  });
});

describe('the sums of a run', () => {
  const tests = (...statuses: string[]) => statuses.map((status, n) => ({ status, fullName: `test ${n}` }));

  it('count a file that could not be loaded as a failure', () => {
    expect(
      addUp([
        { status: 'passed', assertionResults: tests('passed', 'passed', 'skipped') },
        { status: 'failed', assertionResults: tests('passed', 'failed') },
        { status: 'failed', assertionResults: [] },
      ]),
    ).toEqual({ passed: 3, failed: 2, skipped: 1 });
  });

  it('name what did not pass, also in a file whose process died', () => {
    const file = join(root, 'src/a.test.ts');
    expect(faultsOf([{ name: file, status: 'failed', assertionResults: tests('passed', 'failed') }])).toEqual([
      'src/a.test.ts: failed: test 1',
    ]);
    expect(faultsOf([{ name: file, status: 'failed', assertionResults: tests('passed', 'pending') }])).toEqual([
      'src/a.test.ts: it ended before its tests did',
      'src/a.test.ts: pending: test 1',
    ]);
    const many = tests(...Array.from({ length: 30 }, () => 'failed'));
    expect(faultsOf([{ name: file, status: 'failed', assertionResults: many }]).at(-1)).toBe('and 10 more');
  });
});

describe('running and waiting', () => {
  const forever = ['-e', 'setInterval(() => {}, 1000)'];

  it('ends a program with its children when its time is over', async () => {
    const mark = `timeout-${process.pid}`;
    const program = `require('child_process').spawn(process.execPath, ${JSON.stringify(forever)}); setInterval(() => {}, 1000)`;
    const env = { ...process.env, [MARK]: mark };
    const result = await run(process.execPath, ['-e', program], { cwd: root, env, quiet: true, timeoutMs: 500 });
    expect(result).toMatchObject({ code: 124, timedOut: true });
    await waitFor('both to be gone', () => (leftovers(mark) ?? []).length === 0);
  });

  it('finds a process that was left behind by its mark', async () => {
    const mark = `left-${process.pid}`;
    const child = start(process.execPath, forever, { env: { ...process.env, [MARK]: mark } });
    if (process.platform === 'linux') {
      await waitFor('the child to be seen', () => leftovers(mark)?.some(({ pid }) => pid === child.pid));
    }
    child.signal('SIGKILL');
    expect((await child.exited).signal).toBe('SIGKILL');
    await waitFor('it to be gone', () => (leftovers(mark) ?? []).length === 0);
  });

  it('says what it waited for', async () => {
    await expect(waitFor('the moon', () => false, 30)).rejects.toThrow('waited 30 ms for the moon');
  });
});
