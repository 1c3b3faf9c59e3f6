import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { createToken } from './manage.ts';
import { readTokenFile } from './token-file.ts';
import { openTokenReader } from './token-reader.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-reader-'));
  file = join(folder, 'tokens.json');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('the tokens of a running server', () => {
  it('are read again after a fault that left the file as it was, such as too many open files', async () => {
    await createToken(file, { key: 'tempSensors' });
    let look = () => {};
    let fault: Error | null = null;
    const reader = openTokenReader(
      file,
      silentLogger,
      (work) => {
        look = work;
        return () => {};
      },
      (path) => {
        if (fault !== null) throw fault;
        return readTokenFile(path);
      },
    );
    await createToken(file, { key: 'otherSensors' });
    fault = new Error('EMFILE: too many open files');
    look();
    expect([reader.broken(), reader.size()]).toEqual([true, 1]);
    fault = null;
    // Sign-ins do not make it read a broken file again and again: only the timer does.
    expect([reader.refresh(), reader.broken()]).toEqual([false, true]);
    look();
    expect([reader.broken(), reader.size()]).toEqual([false, 2]);
  });

  it('are read within a second by themselves, until closed', async () => {
    const everyMs: number[] = [];
    let stopped = 0;
    const reader = openTokenReader(file, silentLogger, (_, ms) => {
      everyMs.push(ms);
      return () => {
        stopped += 1;
      };
    });
    expect(everyMs).toHaveLength(1);
    expect(everyMs[0]).toBeLessThanOrEqual(1000);
    reader.close();
    expect(stopped).toBe(1);
  });

  it('keep their objects through a change of others', async () => {
    await createToken(file, { key: 'tempSensors' });
    const reader = openTokenReader(file, silentLogger, () => () => {});
    const before = reader.get('tempSensors');
    await createToken(file, { key: 'otherSensors' });
    expect(reader.refresh()).toBe(true);
    expect(reader.get('tempSensors')).toBe(before);
    expect(reader.get('otherSensors')).toBeDefined();
    expect(reader.refresh()).toBe(false);
  });
});
