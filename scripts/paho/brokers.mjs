import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { entry, root } from '../workshop/paths.mjs';

/** @typedef {{ name: string, isSonde: boolean, port: number, stop: () => Promise<void> }} Broker */

const START_TIMEOUT_MS = 30_000;

/** The built Sonde, with the configuration that docs/conformance.md names. @returns {Promise<Broker>} */
export async function startSonde() {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-paho-'));
  const [mqtt, http] = [await freePort(), await freePort()];
  const config = join(root, 'docs', 'examples', 'paho-suite.yaml');
  const args = [entry, 'serve', '--config', config, '--data', join(folder, 'data')];
  args.push('--mqtt', `127.0.0.1:${mqtt}`, '--http', `127.0.0.1:${http}`);
  return start({ name: 'Sonde', isSonde: true, port: mqtt, folder, file: process.execPath, args });
}

/**
 * Mosquitto with what the suites expect of a broker's settings, as far as it has them.
 * @param {string} file
 * @returns {Promise<Broker>}
 */
export async function startMosquitto(file) {
  const folder = mkdtempSync(join(tmpdir(), 'mosquitto-paho-'));
  const port = await freePort();
  const rules = join(folder, 'acl');
  writeFileSync(rules, 'topic readwrite #\ntopic readwrite $TopicA/#\ntopic deny test/nosubscribe\n', { mode: 0o600 });
  const settings = [
    `listener ${port} 127.0.0.1`,
    // Root's Mosquitto would become another user, who cannot read the rules.
    `user ${userInfo().username}`,
    'allow_anonymous true',
    `acl_file ${rules}`,
    'persistence false',
    'log_dest none',
    'max_keepalive 60',
    'max_inflight_messages 20',
    'allow_duplicate_messages false',
  ];
  const config = join(folder, 'mosquitto.conf');
  writeFileSync(config, `${settings.join('\n')}\n`);
  const version = /version (\S+)/.exec(spawnSync(file, ['-h'], { encoding: 'utf8' }).stdout)?.[1] ?? '';
  return start({ name: `Mosquitto ${version}`.trim(), isSonde: false, port, folder, file, args: ['-c', config] });
}

/**
 * @param {{ name: string, isSonde: boolean, port: number, folder: string, file: string, args: readonly string[] }} how
 * @returns {Promise<Broker>}
 */
async function start({ name, isSonde, port, folder, file, args }) {
  const child = spawn(file, [...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-4000)));
  }
  const ended = new Promise((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(undefined);
    });
    child.once('close', resolve);
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    const isOver = await Promise.race([ended.then(() => true), new Promise((r) => setTimeout(r, 100, false))]);
    if (!isOver && performance.now() < deadline) continue;
    await stop();
    throw new Error(`${name} did not start: ${output.trim()}`);
  }
  return { name, isSonde, port, stop };
}

/** @param {number} port @returns {Promise<boolean>} */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** A port of loopback that nothing listens on now. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });
}
