/** The rooms of src/ in the order in which they stand: each may use those before it. */
export const rooms = [
  'base',
  'codec',
  'topics',
  'session',
  'store',
  'certificates',
  'access',
  'broker',
  'transport',
  'history',
  'live',
  'sys',
  'simulator',
  'api',
  'config',
  'backup',
  'cli',
] as const;

/** main.ts and what stands beside it: the composition root, which may know every room and which no room knows. */
const TOP = 'top';

/** What the web app may use of src/: pure parts that run in a browser. */
export const openToWeb = ['src/topics/index.ts', 'src/history/decoders/'];

// Also `export ... from`, `import()` and `import type`: a type that leaks upward is a dependency too.
const IMPORT =
  /(?:^|[;\s])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|new URL\(\s*['"](\.{1,2}\/[^'"]+\.[jt]s)['"]/gm;

/** What a source file imports by a relative path, as paths from the repository's folder. */
export function relativeImports(file: string, source: string): readonly string[] {
  const code = source.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
  return [...code.matchAll(IMPORT)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? match[4] ?? '')
    .filter((path) => path.startsWith('.'))
    .map((path) => asSource(resolve(file, path)));
}

/** A room that is tested from its sources may start its own built program: `dist/history/a.js` counts as its source. */
function asSource(path: string): string {
  return path.replace(/^dist\/(.*)\.js$/, 'src/$1.ts');
}

function resolve(file: string, path: string): string {
  const parts = file.split('/').slice(0, -1);
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Why `file` may not import `target`, as one sentence, or null. Paths are from the repository's folder, with `/`. */
export function objection(file: string, target: string): string | null {
  if (file.startsWith('web/')) return webObjection(file, target);
  if (!target.startsWith('src/')) return `${file} imports ${target}, which is not part of the program`;
  const from = roomOf(file);
  const to = roomOf(target);
  if (from === to) return null;
  if (to === TOP) return `${file} imports ${target}: what composes the rooms stands above them`;
  if (from === TOP) return throughIndex(file, target, to);
  const fromAt = rooms.indexOf(from as (typeof rooms)[number]);
  const toAt = rooms.indexOf(to as (typeof rooms)[number]);
  if (fromAt < 0) return `${file} is in no room that test/architecture/imports.ts knows`;
  if (toAt < 0) return `${file} imports ${target}, which is in no room`;
  if (toAt > fromAt) return `${file} imports ${target}: ${from} stands below ${to}`;
  return throughIndex(file, target, to);
}

function throughIndex(file: string, target: string, to: string): string | null {
  if (target === `src/${to}/index.ts`) return null;
  return `${file} imports ${target}: another room is entered through src/${to}/index.ts`;
}

function webObjection(file: string, target: string): string | null {
  if (target.startsWith('web/')) return null;
  if (openToWeb.some((open) => (open.endsWith('/') ? target.startsWith(open) : target === open))) return null;
  return `${file} imports ${target}: the web app may use ${openToWeb.join(' and ')} only`;
}

/** `src/codec/a.ts` is in `codec`, `src/main.ts` at the top. */
function roomOf(path: string): string {
  const [, room = '', inside] = path.split('/');
  return inside === undefined ? TOP : room;
}
