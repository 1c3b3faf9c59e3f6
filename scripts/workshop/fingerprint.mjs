import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A hash of the names and contents of files, the same on every machine and after every checkout.
 * @param {string} root
 * @param {readonly string[]} places files and folders relative to `root`; one that is absent counts as empty
 * @param {(path: string) => boolean} accept by path with `/`
 */
export function fingerprint(root, places, accept = () => true) {
  const hash = createHash('sha256');
  for (const file of places.flatMap((place) => filesOf(root, place)).sort()) {
    if (!accept(file)) continue;
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * Every file of a folder, or the file itself, relative to `root`, with `/`.
 * @param {string} root
 * @param {string} place
 * @returns {string[]}
 */
export function filesOf(root, place) {
  const stat = statSync(join(root, place), { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [place];
  return readdirSync(join(root, place), { withFileTypes: true }).flatMap((entry) =>
    entry.name === 'node_modules'
      ? []
      : entry.isDirectory()
        ? filesOf(root, `${place}/${entry.name}`)
        : [`${place}/${entry.name}`],
  );
}
