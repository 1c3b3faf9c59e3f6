import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';

let pictures: string | undefined;

/** A page that has seen nothing yet, with what went wrong in it. */
export type WatchedPage = {
  readonly page: Page;
  /** Exceptions of its scripts. */
  readonly faults: readonly string[];
  /** Requests that left for another host than loopback. */
  readonly strayed: readonly string[];
  readonly close: () => Promise<void>;
};

export async function openPage(browser: Browser, size = { width: 1280, height: 800 }): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: size, locale: 'en-GB', timezoneId: 'Europe/Paris' });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const faults: string[] = [];
  const strayed: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^https?:|^wss?:/.test(url.protocol) && !['127.0.0.1', 'localhost'].includes(url.hostname))
      strayed.push(request.url());
  });
  return { page, faults, strayed, close: () => context.close() };
}

/** A picture for people, in the folder that WORKSHOP_SCREENSHOTS names or a temporary one. */
export async function picture(page: Page, name: string): Promise<void> {
  pictures ??= process.env['WORKSHOP_SCREENSHOTS'] ?? mkdtempSync(join(tmpdir(), 'sonde-screenshots-'));
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** The row of a topic in the tree. */
export function row(page: Page, topic: string): Locator {
  return page.locator(`[data-testid="topic-row"][data-topic="${topic}"]`);
}

/** The last value in a topic's row. */
export function lastValue(page: Page, topic: string): Locator {
  return row(page, topic).getByTestId('topic-value');
}
