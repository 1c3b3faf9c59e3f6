import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { root } from '../../scripts/workshop/paths.mjs';

const built = pathToFileURL(join(root, 'dist', 'young-generation.js')).href;

/** Where new objects are made has so many MiB, first and after 40 MB of them were kept. */
function young(prepare: string): readonly number[] {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8';
    ${prepare}
    const mib = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size / 2 ** 20;
    const sizes = [mib()];
    const kept = [];
    for (let n = 0; n < 400_000; n++) kept.push({ n, of: [kept] });
    sizes.push(mib());
    console.log(JSON.stringify(sizes));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}

it('the part of the heap for new objects grows to 8 MiB and no more, so that a collection of it stays short', () => {
  expect(young(`import { boundYoungGeneration } from '${built}'; boundYoungGeneration();`)).toEqual([8, 8]);
  expect(young('')[1]).toBeGreaterThan(8); // else V8 does so by itself
});
