import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { giveUpBallast } from './ballast.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-ballast-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the ballast, before a start', () => {
  it('stays while there is room; what a killed start has written of one does not', () => {
    const file = join(folder, 'BALLAST');
    writeFileSync(file, 'x');
    writeFileSync(`${file}.new`, 'x'.repeat(100));
    giveUpBallast(folder, file, silentLogger);
    expect([existsSync(file), existsSync(`${file}.new`)]).toEqual([true, false]);
  });

  it('says nothing of a folder that is not there, or cannot be: whoever makes it does', () => {
    const taken = join(folder, 'a-file');
    writeFileSync(taken, '');
    for (const missing of [join(folder, 'none'), join(taken, 'data')]) {
      expect(() => giveUpBallast(missing, join(missing, 'BALLAST'), silentLogger)).not.toThrow();
    }
  });
});
