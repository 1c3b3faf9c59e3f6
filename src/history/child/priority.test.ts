import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { HISTORY_DEFAULTS } from '../options.ts';
import { locateProcess } from './locate.ts';
import { createPriority } from './priority.ts';

/** The class itself is looked at in `history.test.ts`, where the user may change it. */
describe.skipIf(process.platform !== 'linux')('the idle class', () => {
  let folder: string;
  const path = process.env['PATH'] ?? '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-priority-'));
    process.env['PATH'] = `${folder}${delimiter}${path}`;
  });
  afterEach(() => {
    process.env['PATH'] = path;
    rmSync(folder, { recursive: true, force: true });
  });

  /** A `chrt` that writes down how it is called, and for one call says that it is not allowed. */
  function fakeChrt(forbidden: string): () => string[] {
    const calls = join(folder, 'calls');
    const script = `#!/bin/sh\necho "$*" >> "${calls}"\n[ "$*" != "${forbidden}" ]\n`;
    writeFileSync(join(folder, 'chrt'), script, { mode: 0o755 });
    return () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);
  }
  const inAndOut = '-i 0 chrt -o 0 true';

  it.each([
    ['is not entered by who may not leave it again', inAndOut, [inAndOut]],
    ['is entered by who may', '', [inAndOut, '-a -i -p 0 77']],
  ])('%s', async (_name, forbidden, expected) => {
    const calls = fakeChrt(forbidden);
    const said: string[] = [];
    const logger = { ...silentLogger, debug: (_fields: unknown, text: string) => void said.push(text) };
    const priority = createPriority({ inFlightMs: () => 0, logger });
    priority.started(77);
    await expect.poll(() => [calls().length, said.length]).toEqual([expected.length, forbidden === '' ? 0 : 1]);
    priority.gone();
    expect(calls()).toEqual(expected);
  });

  it('is left by the history process when its broker is gone, since the next one waits for it', async () => {
    const calls = fakeChrt('');
    const child: ChildProcess = fork(locateProcess(), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc', 'pipe'],
      execArgv: [],
    });
    const limits = { ...HISTORY_DEFAULTS, niceness: 0 };
    child.send({ kind: 'open', file: join(folder, 'history.duckdb'), limits, run: 'test' });
    await once(child, 'message');
    child.disconnect();
    await once(child, 'exit');
    await expect.poll(calls).toEqual([`-a -o -p 0 ${child.pid}`]);
  });
});
