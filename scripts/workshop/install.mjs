import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from './run.mjs';

/** @typedef {{ version?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} LockEntry */
/** @typedef {Record<string, LockEntry>} LockPackages */

/**
 * @param {string} file
 * @returns {LockPackages | null}
 */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? null;
  } catch {
    return null;
  }
}

/** @param {LockEntry} entry */
function isForThisMachine(entry) {
  // Which C library runs here is not worth asking at each start: such entries come in pairs, and npm chose one.
  if (entry.libc) return false;
  return (entry.os?.includes(process.platform) ?? true) && (entry.cpu?.includes(process.arch) ?? true);
}

/**
 * Whether node_modules holds what package-lock.json asks for, by npm's own record of what it installed (written last, so
 * an interrupted installation has none). Reads two files, some milliseconds.
 * @param {string} root
 */
export function dependenciesAreCurrent(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const have = present[path];
    if (have ? have.version !== entry.version : !entry.optional || (hasSystem(entry) && isForThisMachine(entry))) {
      return false;
    }
  }
  return partsMissing(root, wanted).length === 0;
}

/** @param {LockEntry} entry */
function hasSystem(entry) {
  return entry.os !== undefined || entry.cpu !== undefined;
}

/**
 * The prebuilt parts for this system that the lock file does not know. npm records only the systems whose packages the
 * registry offered when the lock was written, and `npm ci` then leaves the others out without a word.
 * @param {string} root
 * @param {LockPackages} wanted
 * @returns {string[]} `name@version`
 */
export function partsMissing(root, wanted, platform = process.platform, arch = process.arch) {
  const system = `${platform}-${arch}`;
  /** @type {string[]} */
  const missing = [];
  for (const entry of Object.values(wanted)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const end = name.slice(name.lastIndexOf(system));
      if (!name.includes(system) || wanted[`node_modules/${name}`]) continue;
      if (platform === 'linux' && end !== system && end.endsWith('musl') !== isMusl()) continue;
      if (platform === 'linux' && end === system && isMusl()) continue;
      if (!existsSync(join(root, 'node_modules', name))) missing.push(`${name}@${version}`);
    }
  }
  return missing;
}

function isMusl() {
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  return report.header.glibcVersionRuntime === undefined;
}

/**
 * npm as a program of this Node: the one that runs us, else the one beside this Node.
 * @returns {{ file: string, args: string[] }}
 */
export function npmCommand() {
  const own = process.env.npm_execpath;
  if (own && /^np[mx]-cli\.c?js$/.test(basename(own))) return { file: process.execPath, args: [own] };
  const beside = dirname(process.execPath);
  for (const place of ['node_modules/npm/bin/npm-cli.js', '../lib/node_modules/npm/bin/npm-cli.js']) {
    if (existsSync(join(beside, place))) return { file: process.execPath, args: [join(beside, place)] };
  }
  return { file: 'npm', args: [] };
}

/**
 * Installs exactly what package-lock.json says. Quiet unless it fails.
 * @param {string} root
 * @returns {Promise<boolean>} false when npm failed; its words have been printed
 */
export async function installDependencies(root) {
  const npm = npmCommand();
  const ci = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!(await quietly(root, npm, ci))) return false;
  const parts = partsMissing(root, packagesOf(join(root, 'package-lock.json')) ?? {});
  if (parts.length === 0) return true;
  return quietly(root, npm, ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', ...parts]);
}

/**
 * @param {string} root
 * @param {{ file: string, args: string[] }} npm
 * @param {string[]} args
 */
async function quietly(root, npm, args) {
  const result = await run(npm.file, [...npm.args, ...args], { cwd: root, quiet: true });
  if (result.code === 0) return true;
  console.error(result.output.trimEnd());
  console.error(
    `npm ${args[0]} failed: see above. A network or a proxy is the usual cause; then run the same command again.`,
  );
  return false;
}
