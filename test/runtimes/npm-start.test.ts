import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { npmCommand } from '../../scripts/workshop/install.mjs';
import { root } from '../../scripts/workshop/paths.mjs';
import { freePort, type Running, start, waitFor } from '../tooling/index.ts';

describe('npm start', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'sonde-start-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }));

  async function npmStart(): Promise<{ npm: Running; url: string }> {
    const [mqtt, http] = [await freePort(), await freePort()];
    const { file, args } = npmCommand();
    const flags = ['--data', dataDir, '--mqtt', `127.0.0.1:${mqtt}`, '--http', `127.0.0.1:${http}`];
    const npm = start(file, [...args, 'start', '--', ...flags], { cwd: root, detached: true });
    const url = `http://127.0.0.1:${http}`;
    await waitFor('/health', async () => (await fetch(`${url}/health`)).ok, 60_000);
    return { npm, url };
  }

  it('prints where to point a device, a ready token, the web app and the data, in a few lines', async () => {
    const { npm, url } = await npmStart();
    await npm.saw(/data +\S/);
    const said = npm.stdout();
    expect(said).toMatch(/mqtt:\/\/[^:]+:[^@]+@/);
    expect(said).toContain(url);
    expect(said).toContain(dataDir);
    expect(said.trim().split('\n').length).toBeLessThan(16);
    npm.signal('SIGTERM');
    await npm.exited;
  });

  it('stops cleanly when the npm that started it is ended, and leaves nothing behind', async () => {
    const { npm, url } = await npmStart();
    npm.signal('SIGTERM');
    await npm.exited;
    await closed(url);
    expect(npm.stdout() + npm.stderr()).not.toMatch(/error|kill/i);
  });

  it('stops cleanly at Ctrl-C, which reaches npm, its shell and Sonde at once', async () => {
    if (process.platform === 'win32') return;
    const { npm, url } = await npmStart();
    process.kill(-npm.pid, 'SIGINT');
    await npm.exited;
    await closed(url);
    expect(npm.stdout() + npm.stderr()).not.toMatch(/error|kill/i);
  });
});

async function closed(url: string): Promise<void> {
  await waitFor('the port to be closed', () =>
    fetch(`${url}/health`).then(
      () => false,
      () => true,
    ),
  );
}
