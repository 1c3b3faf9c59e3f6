import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { entry } from '../../scripts/workshop/paths.mjs';
import { freePort, requireTool, runPython } from '../tooling/index.ts';

requireTool('python3-paho-mqtt');

/** Runs a program at a terminal of its own and closes that once it says that it is ready; says what ended it. */
const PROGRAM = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
said = b''
while b'is ready' not in said or b'  data ' not in said: said += os.read(terminal, 65536)
os.close(terminal)
_, status = os.waitpid(pid, 0)
print('signal', os.WTERMSIG(status)) if os.WIFSIGNALED(status) else print('code', os.WEXITSTATUS(status))
`;

it.skipIf(process.platform === 'win32')('a terminal that is closed ends Sonde in good order (SIGHUP)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-terminal-'));
  const socket = join(folder, 'mqtt.sock');
  const listeners = ['--mqtt', `127.0.0.1:${await freePort()}`, '--http', 'off', '--unix', socket];
  const command = [process.execPath, entry, '--data', join(folder, 'data'), '--history', 'off', ...listeners];
  expect(await runPython('python3-paho-mqtt', PROGRAM, command)).toMatchObject({ code: 0, stdout: 'signal 1\n' });
  // What only an orderly end removes.
  expect([existsSync(socket), existsSync(join(folder, 'data', 'lock'))]).toEqual([false, false]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});
