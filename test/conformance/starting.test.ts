import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, type RunningSonde, sondeCommand, startSonde } from '../tooling/index.ts';

/** A start that cannot succeed ends with code 1 and one line that says what and what to do. */
describe('a start that cannot succeed', () => {
  let sonde: RunningSonde;
  let folder: string;

  beforeAll(async () => {
    sonde = await startSonde();
    folder = mkdtempSync(join(tmpdir(), 'sonde-starting-'));
  });
  afterAll(async () => {
    await sonde?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  async function refused(flags: Record<string, string>): Promise<string> {
    const defaults = {
      '--data': join(folder, 'data'),
      '--mqtt': `127.0.0.1:${await freePort()}`,
      '--http': `127.0.0.1:${await freePort()}`,
      '--history': 'off',
    };
    const result = await sondeCommand(['serve', ...Object.entries({ ...defaults, ...flags }).flat()]);
    expect(result.code).toBe(1);
    const lines = result.stderr.trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    return lines[0] ?? '';
  }

  it('names a busy MQTT port', async () => {
    expect(await refused({ '--mqtt': `127.0.0.1:${sonde.mqttPort}` })).toContain(String(sonde.mqttPort));
  });

  it('names a busy HTTP port', async () => {
    expect(await refused({ '--http': `127.0.0.1:${sonde.httpPort}` })).toContain(String(sonde.httpPort));
  });

  it('names a data folder that cannot be made', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    expect(await refused({ '--data': join(file, 'data') })).toContain(join(file, 'data'));
  });

  it('names the data folder that another Sonde has open', async () => {
    const line = await refused({ '--data': sonde.dataDir });
    expect(line).toContain(sonde.dataDir);
    expect((await fetch(`${sonde.url}/health`)).status).toBe(200);
  });

  it('names a flag that does not exist, or a value that means nothing', async () => {
    expect(await refused({ '--datta': 'x' })).toContain('--datta');
    expect(await refused({ '--anonymous': 'some' })).toContain('anonymous');
    expect(await refused({ '--mqtt': '127.0.0.1:99999' })).toContain('99999');
  });

  // Class 12: what was meant to keep people out and cannot be read must not let everybody in.
  it.each([
    ['broken', 'rules: [', 'config.yaml'],
    ['no list of rules but an empty one', 'rules: []', 'empty'],
    ['a rule without a subject', 'rules:\n  - publish: ["#"]', 'rules'],
    ['a rule with a filter that is none', 'rules:\n  - everyone: true\n    publish: ["a#"]', 'a#'],
    ['a word that is misspelt', 'anonymus: none', 'anonymus'],
    ['a level of anonymity that there is not', 'anonymous: "no"', 'anonymous'],
  ])('class 12: a configuration with %s is refused', async (_, text, named) => {
    const config = join(folder, 'config.yaml');
    writeFileSync(config, text);
    expect(await refused({ '--config': config })).toContain(named);
  });

  it('class 12: a configuration that is not there, or cannot be read, is refused', async () => {
    const absent = join(folder, 'absent.yaml');
    expect(await refused({ '--config': absent })).toContain(absent);
    expect(await refused({ '--config': folder })).toContain(folder);
  });

  it.each(['', '{', '{"version": 99}'])('class 12: a token file with %j in it is refused', async (text) => {
    const data = mkdtempSync(join(folder, 'data-'));
    writeFileSync(join(data, 'tokens.json'), text, { mode: 0o600 });
    expect(await refused({ '--data': data, '--anonymous': 'all' })).toContain('tokens.json');
  });
});
