import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The library; loaded when it is asked for the first time, as CommonJS: that is one file of it instead of forty. */
export function loadLmdb(): typeof import('lmdb') {
  return require('lmdb') as typeof import('lmdb');
}
