import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npmCommand } from './install.mjs';
import { cache } from './paths.mjs';
import { run } from './run.mjs';

/** The Node lines that Sonde is seen to start on, beside the one that runs the tests. */
export const OTHER_NODES = ['22', '24'];

/** The package that holds the program itself, as the `node` package of npm would choose it; it has no install script. */
function packageName() {
  const system = process.platform === 'win32' ? 'win' : process.platform;
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${system}-${process.arch}`;
}

/**
 * Another line of Node from npm's packages, kept in .cache/.
 * @param {string} line e.g. `22`
 * @returns {Promise<string | null>} the program, or null when npm could not bring it
 */
export async function fetchNode(line) {
  const folder = join(cache, 'node', line);
  const found = programIn(folder);
  if (found) return found;
  mkdirSync(folder, { recursive: true });
  // A package.json of its own, else npm would install into the repository above.
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const npm = npmCommand();
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  const result = await run(npm.file, [...npm.args, ...args, `${packageName()}@${line}`], {
    cwd: folder,
    quiet: true,
    timeoutMs: 300_000,
  });
  if (result.code !== 0) console.log(result.output.trimEnd());
  return programIn(folder);
}

/** @param {string} folder */
function programIn(folder) {
  const home = join(folder, 'node_modules', packageName());
  try {
    const program = join(home, JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).bin.node);
    return existsSync(program) ? program : null;
  } catch {
    return null;
  }
}
