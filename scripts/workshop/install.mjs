import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from './run.mjs';

/** @typedef {{ version?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockEntry */
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
  return true;
}

/** @param {LockEntry} entry */
function hasSystem(entry) {
  return entry.os !== undefined || entry.cpu !== undefined;
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
  const result = await run(npm.file, [...npm.args, ...ci], { cwd: root, quiet: true });
  if (result.code === 0) return true;
  console.error(result.output.trimEnd());
  console.error('npm ci failed: see above. A network or a proxy is the usual cause; then run the same command again.');
  return false;
}
