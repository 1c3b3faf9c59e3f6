import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { launchChromium, requireTool, startSonde } from '../tooling/index.ts';
import { openPage, picture } from './page.ts';

const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

type Case = readonly [
  what: string,
  history: 'duckdb' | 'off',
  damage: (dataDir: string) => void,
  told: readonly string[],
];

const CASES: readonly Case[] = [
  ['store', 'off', (dataDir) => truncateSync(join(dataDir, 'store', 'table', 'data.mdb'), 8192), ['Damage was found']],
  [
    'gone',
    'duckdb',
    (dataDir) => {
      const isGone = (name: string): boolean => name === 'tokens.json' || name.startsWith('history.duckdb');
      for (const name of readdirSync(dataDir).filter(isGone)) rmSync(join(dataDir, name), { recursive: true });
    },
    ['tokens.json is gone', 'history.duckdb is gone'],
  ],
];

describe('what was damaged or is gone', () => {
  requireTool('chromium');

  it.each(CASES)('is told of by the health light, on a wide screen and on a telephone: %s', async (...each) => {
    const [what, history, damage, words] = each;
    const dataDir = mkdtempSync(join(tmpdir(), 'sonde-degraded-'));
    const before = await startSonde({ dataDir, history });
    const device = await connectAsync(`mqtt://127.0.0.1:${before.mqttPort}`);
    for (let n = 0; n < 200; n++) await device.publishAsync(`kept/${n}`, 'x'.repeat(200), { qos: 1, retain: true });
    await device.endAsync();
    await before.stop();
    damage(dataDir);

    const sonde = await startSonde({ dataDir, history, degraded: true });
    const browser = await launchChromium();
    try {
      for (const [name, size] of Object.entries(SIZES)) {
        const { page, faults, close } = await openPage(browser, size);
        await page.goto(sonde.url);
        const light = page.getByTestId('health');
        await page.locator('[data-testid="health"][data-level="warn"]').waitFor();
        await light.click();
        const told = page.locator('.health-more');
        for (const text of words) await told.getByText(text).first().waitFor();
        await page.waitForTimeout(300); // it fades in
        await picture(page, `degraded-${what}-${name}`);
        const box = await told.boundingBox();
        expect(box && box.x >= 0 && box.x + box.width <= size.width, 'all of it is on the screen').toBe(true);
        expect(faults).toEqual([]);
        await close();
      }
    } finally {
      await browser.close();
      await sonde.stop();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  });
});
