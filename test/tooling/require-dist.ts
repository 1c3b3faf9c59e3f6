import { existsSync } from 'node:fs';
import { entry } from '../../scripts/workshop/paths.mjs';

/** Runs once before the tests that start the built program. */
export function setup(): void {
  if (process.env['WORKSHOP_BROKER'] || existsSync(entry)) return;
  throw new Error('dist/main.js is not there: run `npm run build` first (`npm test` does)');
}
