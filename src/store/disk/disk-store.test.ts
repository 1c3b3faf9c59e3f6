import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import { storeContract } from '../store.contract.ts';
import { openDiskStore } from './disk-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

storeContract('the store on disk', () =>
  openDiskStore({
    folder: mkdtempSync(join(folder, 'one-')),
    clock: systemClock(),
    logger: silentLogger,
    durability: 'sync',
  }),
);
