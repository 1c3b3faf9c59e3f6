import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const dist = join(root, 'dist');
/** The program that `npm start` runs. */
export const entry = join(dist, 'main.js');
/** What may be thrown away at any time: downloads and reports. */
export const cache = join(root, '.cache');

/**
 * A tool's JavaScript file in node_modules, to be run with this Node: no shell and no `.cmd` on any system.
 * @param {string} file path within node_modules
 */
export const tool = (file) => join(root, 'node_modules', file);
