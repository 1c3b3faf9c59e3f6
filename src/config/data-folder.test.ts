import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataFolder } from './data-folder.ts';

let root: string;
beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'sonde-data-'));
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

describe('the data folder', () => {
  it('is created for its owner only, parents too', () => {
    const path = join(root, 'a', 'b');
    openDataFolder(path).release();
    if (process.platform !== 'win32') expect(fs.statSync(path).mode & 0o777).toBe(0o700);
    expect(fs.readdirSync(path)).toEqual([]);
  });

  it('is refused to a second server, with the pid of the first, until that one has released it', () => {
    const path = join(root, 'locked');
    const first = openDataFolder(path);
    expect(() => openDataFolder(path)).toThrow(`is in use by process ${process.pid} on `);
    first.release();
    openDataFolder(path).release();
  });

  it('is refused while another start takes it over, with the file that says so', () => {
    const path = join(root, 'taking-over');
    fs.mkdirSync(path);
    fs.writeFileSync(join(path, 'lock'), '');
    fs.utimesSync(join(path, 'lock'), 0, 0);
    const guard = join(path, 'lock.takeover');
    fs.writeFileSync(guard, '');
    expect(() => openDataFolder(path)).toThrow(
      `just starting with the data folder ${path}, or was killed as it did: ${guard}`,
    );
    fs.utimesSync(guard, 0, 0);
    openDataFolder(path).release();
    expect(fs.readdirSync(path)).toEqual([]);
  });

  it('is refused with its name where the lock is a folder', () => {
    const path = join(root, 'lock-folder');
    fs.mkdirSync(join(path, 'lock'), { recursive: true });
    expect(() => openDataFolder(path)).toThrow(`${join(path, 'lock')} is a folder`);
  });

  it('is taken over from a process that was killed', async () => {
    const path = join(root, 'killed');
    fs.mkdirSync(path);
    // A child of this test stands for a server: its pid and start are in the lock, then it dies without releasing.
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const pid = child.pid ?? 0;
    const started = fs.existsSync('/proc')
      ? (fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? null)
      : null;
    const probe = openDataFolder(path);
    const lock = JSON.parse(fs.readFileSync(join(path, 'lock'), 'utf8')) as object;
    probe.release();
    fs.writeFileSync(join(path, 'lock'), JSON.stringify({ ...lock, pid, startTicks: started, nonce: 'other' }));
    expect(() => openDataFolder(path)).toThrow(`is in use by process ${pid}`);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    openDataFolder(path).release();
  });

  it.each([
    ['a file of that name', 'file'],
    ['a file as its parent', 'file/below'],
  ])('is refused in one line when there is %s', (_, name) => {
    fs.writeFileSync(join(root, 'file'), '');
    expect(() => openDataFolder(join(root, name))).toThrow(
      /^(cannot create )?the data folder .*|cannot create the data folder [^\n]*$/,
    );
  });

  it.runIf(fs.existsSync('/proc/self'))('is refused at once where no folder can be made', () => {
    expect(() => openDataFolder('/proc/absent/data')).toThrow(
      /^cannot create the data folder \/proc\/absent\/data: [^\n]*$/,
    );
  });

  it.runIf(fs.existsSync('/proc/self'))('is refused in one line where nobody can write', () => {
    expect(() => openDataFolder('/proc/self')).toThrow(/^cannot write in the data folder \/proc\/self: [^\n]*$/);
  });
});
