import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './run.mjs';

/**
 * What the tests want of the system beside Node: its Debian package, what is looked for, and how to get it elsewhere.
 * @typedef {object} SystemTool
 * @property {string} name as tests ask for it
 * @property {string} debian
 * @property {readonly string[]} [programs] any of these names or absolute paths
 * @property {string} [module] of Python
 * @property {string} elsewhere
 */

/** For the shim of tests that are of Linux only. @type {readonly SystemTool[]} */
const ofLinux = [
  { name: 'gcc', debian: 'gcc', programs: ['gcc', 'clang'], elsewhere: 'https://gcc.gnu.org' },
  {
    name: 'libc6-dev',
    debian: 'libc6-dev',
    programs: ['/usr/include/stdlib.h'],
    elsewhere: "the C library's headers",
  },
];

/** @type {readonly SystemTool[]} */
export const systemTools = [
  ...(process.platform === 'linux' ? ofLinux : []),
  {
    name: 'mosquitto',
    debian: 'mosquitto',
    programs: ['mosquitto', '/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'],
    elsewhere: 'https://mosquitto.org/download (macOS: brew install mosquitto)',
  },
  {
    name: 'mosquitto_pub',
    debian: 'mosquitto-clients',
    programs: ['mosquitto_pub'],
    elsewhere: 'https://mosquitto.org/download (macOS: brew install mosquitto)',
  },
  {
    name: 'mosquitto_sub',
    debian: 'mosquitto-clients',
    programs: ['mosquitto_sub'],
    elsewhere: 'https://mosquitto.org/download (macOS: brew install mosquitto)',
  },
  { name: 'openssl', debian: 'openssl', programs: ['openssl'], elsewhere: 'https://openssl-library.org' },
  { name: 'curl', debian: 'curl', programs: ['curl', '/usr/bin/curl'], elsewhere: 'https://curl.se' },
  {
    name: 'chromium',
    debian: 'chromium',
    programs: [
      '/usr/bin/chromium',
      'chromium',
      'chromium-browser',
      'google-chrome',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
      'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
    ],
    elsewhere: 'install Chromium or Chrome, or name one in WORKSHOP_CHROMIUM',
  },
  {
    name: 'python3-paho-mqtt',
    debian: 'python3-paho-mqtt',
    module: 'paho.mqtt.client',
    elsewhere: 'pip install "paho-mqtt<2"',
  },
  { name: 'python3-h5py', debian: 'python3-h5py', module: 'h5py', elsewhere: 'pip install h5py' },
  { name: 'python3-tables', debian: 'python3-tables', module: 'tables', elsewhere: 'pip install tables' },
  { name: 'python3-pandas', debian: 'python3-pandas', module: 'pandas', elsewhere: 'pip install pandas' },
];

/** Whether this is a machine that tests for everybody (`CI=true`): there, what is absent fails and is not skipped. */
export const isStrict = Boolean(process.env.CI) && process.env.CI !== 'false';

/** The Python whose modules are the system's: on Debian not the first of PATH, which may be someone's own. */
export function pythonPath() {
  return process.env.WORKSHOP_PYTHON ?? findProgram(['/usr/bin/python3', 'python3', 'python.exe']);
}

/**
 * Where a program of `systemTools` is, or null.
 * @param {string} name
 */
export function findTool(name) {
  const wanted = systemTools.find((entry) => entry.name === name);
  if (!wanted) throw new Error(`no system tool is called ${name}`);
  if (wanted.module) return missingModules([wanted.module]).length === 0 ? pythonPath() : null;
  if (name === 'chromium' && process.env.WORKSHOP_CHROMIUM) return process.env.WORKSHOP_CHROMIUM;
  return findProgram(wanted.programs ?? []);
}

/** The tools that are not here. */
export function missingTools() {
  const absent = new Set(missingModules(systemTools.flatMap((entry) => entry.module ?? [])));
  return systemTools.filter((entry) => (entry.module ? absent.has(entry.module) : findTool(entry.name) === null));
}

/** @param {readonly string[]} names */
function findProgram(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const endings = process.platform === 'win32' ? ['', '.exe'] : [''];
  for (const name of names) {
    const places = /[\\/]/.test(name) ? [name] : folders.map((folder) => join(folder, name));
    for (const place of places.flatMap((path) => endings.map((ending) => path + ending))) {
      if (statSync(place, { throwIfNoEntry: false })?.isFile()) return place;
    }
  }
  return null;
}

/** @param {readonly string[]} modules */
function missingModules(modules) {
  const python = pythonPath();
  if (!python) return modules;
  const program = [
    'import importlib, sys',
    'for name in sys.argv[1:]:',
    '    try: importlib.import_module(name)',
    '    except Exception: print(name)',
  ].join('\n');
  const result = spawnSync(python, ['-c', program, ...modules], { encoding: 'utf8', windowsHide: true });
  if (result.status !== 0) return modules;
  return result.stdout.split(/\s+/).filter(Boolean);
}

/** Whether packages can be fetched here without asking anybody: root on Debian or one of its children. */
export function canFetch() {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && findProgram(['apt-get']) !== null;
}

/**
 * Fetches Debian packages. A broker that came along does not stay running on port 1883.
 * @param {readonly string[]} packages
 * @returns {Promise<boolean>}
 */
export async function fetchPackages(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = /** @param {string[]} args */ (args) =>
    run('apt-get', ['-q', ...args], { cwd: '/', env, quiet: true, timeoutMs: 600_000 });
  let result = await apt(['update']);
  if (result.code === 0) result = await apt(['install', '-y', '--no-install-recommends', ...packages]);
  if (result.code !== 0) {
    console.log(result.output.split('\n').slice(-15).join('\n').trimEnd());
    return false;
  }
  if (packages.includes('mosquitto') && isSystemd()) {
    await run('systemctl', ['disable', '--now', 'mosquitto'], { cwd: '/', quiet: true, timeoutMs: 60_000 });
    console.log(
      'The mosquitto service that came with its package was stopped and disabled: the tests start their own.',
    );
  }
  return true;
}

function isSystemd() {
  try {
    return readFileSync('/proc/1/comm', 'utf8').trim() === 'systemd';
  } catch {
    return false;
  }
}
