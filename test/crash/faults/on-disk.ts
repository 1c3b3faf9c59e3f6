import { readFileSync } from 'node:fs';

/** Whether `serve` keeps its state on disk already. Gone when it does. */
export const ON_DISK = /openDiskStore/.test(readFileSync(new URL('../../../src/serve.ts', import.meta.url), 'utf8'));
