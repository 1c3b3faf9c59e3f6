import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesOf, fingerprint } from './fingerprint.mjs';
import { dist, entry, root, tool } from './paths.mjs';
import { run } from './run.mjs';

/** @typedef {{ server: string, web: string }} Stamp */

const STAMP = '.stamp.json';

/** @param {string} path */
const isProduct = (path) => !/\.(test|contract)\.tsx?$|\.md$|\/testing\/|\/fixtures\//.test(path);

/** What the sources are now. @returns {Stamp} */
function sourcesNow() {
  const shared = ['package-lock.json', 'tsconfig.json'];
  return {
    server: fingerprint(root, ['src', 'tsconfig.build.json', ...shared], isProduct),
    web: fingerprint(root, ['web', 'src/base', 'src/topics', 'src/history/decoders', ...shared], isProduct),
  };
}

/** What dist/ was built from. @returns {Partial<Stamp>} */
function sourcesBuilt() {
  try {
    return JSON.parse(readFileSync(join(dist, STAMP), 'utf8'));
  } catch {
    return {};
  }
}

/** Which halves of dist/ are not of the present sources. @returns {('server' | 'web')[]} */
export function staleParts() {
  const now = sourcesNow();
  const built = sourcesBuilt();
  const server = now.server !== built.server || !existsSync(entry);
  const web = now.web !== built.web || !existsSync(join(dist, 'web', 'index.html'));
  return [...(server ? /** @type {const} */ (['server']) : []), ...(web ? /** @type {const} */ (['web']) : [])];
}

/**
 * Builds parts of dist/. Each is made in a folder of its own and then put in place file by file, changed files only: a
 * Sonde that runs from dist/ meanwhile is not pulled from under its feet, and stale files go.
 * @param {readonly ('server' | 'web')[]} parts
 * @returns {Promise<boolean>} false when a compiler failed; its words have been printed
 */
export async function build(parts) {
  const now = sourcesNow();
  const built = sourcesBuilt();
  // As deep as dist/, so that source maps point to the right place.
  const scratch = join(root, `.build-${process.pid}`);
  try {
    for (const part of parts) {
      const done = part === 'server' ? await buildServer(scratch) : await buildWeb(scratch);
      if (!done) return false;
      built[part] = now[part];
    }
    writeFileSync(join(dist, STAMP), JSON.stringify(built));
    return true;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param {string} scratch */
async function buildServer(scratch) {
  const args = [tool('typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', scratch];
  const result = await run(process.execPath, args, { cwd: root, quiet: true });
  if (result.code !== 0) {
    console.error(result.output.trimEnd());
    return false;
  }
  if (!existsSync(join(scratch, 'main.js'))) throw new Error('there is no src/main.ts to build');
  const head = readFileSync(join(scratch, 'main.js'), 'utf8').slice(0, 20);
  if (!head.startsWith('#!/usr/bin/env node')) throw new Error('src/main.ts does not begin with #!/usr/bin/env node');
  chmodSync(join(scratch, 'main.js'), 0o755);
  replace(scratch, dist, (path) => path === STAMP || path.startsWith('web/'));
  return true;
}

/** @param {string} scratch */
async function buildWeb(scratch) {
  const out = join(scratch, 'web');
  const args = [tool('vite/bin/vite.js'), 'build', 'web', '--config', 'web/vite.config.ts'];
  const result = await run(process.execPath, [...args, '--outDir', out, '--emptyOutDir', '--logLevel', 'warn'], {
    cwd: root,
    quiet: true,
    env: { ...process.env, NODE_ENV: 'production' },
  });
  if (result.code !== 0) {
    console.error(result.output.trimEnd());
    return false;
  }
  replace(out, join(dist, 'web'), () => false);
  return true;
}

/**
 * Makes `to` hold what `from` holds, leaving equal files alone.
 * @param {string} from
 * @param {string} to
 * @param {(path: string) => boolean} keep files of `to` that are not from `from` and stay
 */
function replace(from, to, keep) {
  const made = new Set(filesOf(from, '.').map((path) => path.slice(2)));
  for (const path of made) {
    const target = join(to, path);
    if (existsSync(target) && readFileSync(target).equals(readFileSync(join(from, path)))) continue;
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(from, path), target);
  }
  for (const file of filesOf(to, '.')) {
    const path = file.slice(2);
    if (!made.has(path) && !keep(path)) rmSync(join(to, path));
  }
}
