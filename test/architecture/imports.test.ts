import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesOf } from '../../scripts/workshop/fingerprint.mjs';
import { root } from '../../scripts/workshop/paths.mjs';
import { objection, relativeImports, rooms } from './imports.ts';

const sources = [...filesOf(root, 'src'), ...filesOf(root, 'web')].filter((file) => /\.tsx?$/.test(file));

describe('the house', () => {
  it('has imports that only go downward and only through a room’s index.ts', () => {
    const objections = sources.flatMap((file) =>
      relativeImports(file, readFileSync(join(root, file), 'utf8')).flatMap((target) => objection(file, target) ?? []),
    );
    expect(objections).toEqual([]);
  });

  it('has no folder in src/ that is not a known room', () => {
    const folders = new Set(sources.filter((file) => /^src\/[^/]+\//.test(file)).map((file) => file.split('/')[1]));
    expect([...folders].filter((folder) => !(rooms as readonly string[]).includes(folder ?? ''))).toEqual([]);
  });

  it('sees enough files for its silence to mean something', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(
      sources.flatMap((file) => relativeImports(file, readFileSync(join(root, file), 'utf8'))).length,
    ).toBeGreaterThan(20);
  });
});

describe('the look at imports', () => {
  it.each([
    ["import { a } from '../codec/index.ts';", 'src/codec/index.ts'],
    ["import type { A } from '../codec/index.ts';", 'src/codec/index.ts'],
    ["export { a } from './b.ts';", 'src/session/b.ts'],
    ["export * from './b.ts';", 'src/session/b.ts'],
    ["import '../base/side-effect.ts';", 'src/base/side-effect.ts'],
    ["const later = await import('../broker/index.ts');", 'src/broker/index.ts'],
    ["new Worker(new URL('../history/worker.ts', import.meta.url))", 'src/history/worker.ts'],
    ["import {\n  a,\n  b,\n} from '../../web/src/a.ts';", 'web/src/a.ts'],
  ])('finds %s', (line, target) => {
    expect(relativeImports('src/session/a.ts', line)).toEqual([target]);
  });

  it('passes over packages and comments', () => {
    expect(relativeImports('src/session/a.ts', "import a from 'ws';\n// import b from './b.ts';\n")).toEqual([]);
  });

  it.each([
    ['src/codec/a.ts', 'src/broker/index.ts', 'stands below'],
    ['src/broker/a.ts', 'src/codec/frame.ts', 'through src/codec/index.ts'],
    ['src/main.ts', 'src/codec/frame.ts', 'through src/codec/index.ts'],
    ['src/codec/a.ts', 'test/tooling/index.ts', 'not part of the program'],
    ['src/cli/a.ts', 'src/main.ts', 'stands above'],
    ['src/serve.ts', 'src/cli/banner.ts', 'through src/cli/index.ts'],
    ['src/attic/a.ts', 'src/base/index.ts', 'in no room'],
    ['src/api/a.ts', 'src/attic/index.ts', 'in no room'],
    ['web/src/a.ts', 'src/broker/index.ts', 'the web app may use'],
    ['web/src/a.ts', 'src/topics/filter.ts', 'the web app may use'],
  ])('objects to %s importing %s', (file, target, words) => {
    expect(objection(file, target)).toContain(words);
  });

  it.each([
    ['src/broker/a.ts', 'src/codec/index.ts'],
    ['src/broker/a.ts', 'src/broker/deep/b.ts'],
    ['src/main.ts', 'src/cli/index.ts'],
    ['src/main.ts', 'src/serve.ts'],
    ['web/src/a.ts', 'web/src/b.ts'],
    ['web/src/a.ts', 'src/topics/index.ts'],
    ['web/src/a.ts', 'src/history/decoders/json.ts'],
  ])('lets %s import %s', (file, target) => {
    expect(objection(file, target)).toBeNull();
  });
});
