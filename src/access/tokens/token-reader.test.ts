import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError, silentLogger } from '../../base/index.ts';
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

it('of a file in which a bit was flipped or that was cut off nothing is believed, and it is named', async () => {
  await createToken(file, { key: 'tempSensors', description: 'on the roof' });
  const whole = fs.readFileSync(file);
  const before = JSON.stringify([...readTokenFile(file).tokens]);
  const refused = (bytes: Buffer): boolean => {
    fs.writeFileSync(file, bytes);
    try {
      // A flip in white space changes nothing.
      expect(JSON.stringify([...readTokenFile(file).tokens])).toBe(before);
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(OperatorError);
      expect((error as Error).message).toContain(file);
      return true;
    }
  };
  let flips = 0;
  for (let at = 0; at < whole.length; at += 3) {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 7)), at);
    if (refused(bytes)) flips += 1;
  }
  expect(flips).toBeGreaterThan(whole.length / 6);
  for (const length of [0, 1, 100, whole.length - 20]) expect(refused(whole.subarray(0, length))).toBe(true);
  // Edited by hand: without its checksum it is taken as it is.
  const { sum, ...content } = JSON.parse(whole.toString()) as { sum: string; tokens: { description: string }[] };
  expect(sum).toMatch(/^[0-9a-f]{8}$/);
  (content.tokens[0] as { description: string }).description = 'in the cellar';
  fs.writeFileSync(file, JSON.stringify(content));
  expect(readTokenFile(file).tokens.get('tempSensors')?.description).toBe('in the cellar');
  fs.writeFileSync(file, JSON.stringify({ ...content, sum }));
  expect(() => readTokenFile(file)).toThrow(/checksum/);
});
