import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  hasTool,
  launchChromium,
  type RunningSonde,
  requireTool,
  sondeCommand,
  startSonde,
  waitFor,
} from '../tooling/index.ts';
import { lastValue, openPage, picture, row, type WatchedPage } from './page.ts';

describe('the web app', () => {
  requireTool('chromium');
  let browser: Browser;
  let sonde: RunningSonde;
  let watched: WatchedPage | undefined;
  const devices: MqttClient[] = [];

  beforeAll(async () => {
    if (hasTool('chromium')) browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    sonde = await startSonde({ history: 'duckdb' });
    watched = undefined;
  });
  afterEach(async () => {
    await Promise.all(devices.splice(0).map((device) => device.endAsync(true)));
    await watched?.close();
    await sonde?.stop();
    expect(watched?.faults ?? []).toEqual([]);
    expect(watched?.strayed ?? []).toEqual([]);
  });

  async function open(): Promise<WatchedPage> {
    watched = await openPage(browser);
    return watched;
  }

  /** A device outside of the browser. */
  async function device(at = sonde): Promise<MqttClient> {
    const client = await connectAsync(`mqtt://127.0.0.1:${at.mqttPort}`, { reconnectPeriod: 0 });
    devices.push(client);
    return client;
  }

  it('teaches a newcomer how to send a first value, and makes data when asked to', async () => {
    const { page } = await open();
    await page.goto(sonde.url);
    const empty = page.getByTestId('empty-state');
    await empty.waitFor();
    expect(await empty.textContent()).toContain('mosquitto_pub');
    expect(await empty.textContent()).toContain(String(sonde.mqttPort));
    await picture(page, 'empty');
    await page.getByTestId('simulate-button').click();
    await lastValue(page, '/sensors/temperature').waitFor();
    expect(Number.parseFloat((await lastValue(page, '/sensors/temperature').textContent()) ?? '')).toBeGreaterThan(-50);
    await picture(page, 'simulated');
  });

  it('shows a value that is published from outside, and the next one', async () => {
    const { page } = await open();
    const sensor = await device();
    await page.goto(sonde.url);
    await page.getByTestId('empty-state').waitFor();
    await sensor.publishAsync('lab/room 12/temp', '22.25');
    await lastValue(page, 'lab/room 12/temp').filter({ hasText: '22.25' }).waitFor();
    await sensor.publishAsync('lab/room 12/temp', '22.5');
    await lastValue(page, 'lab/room 12/temp').filter({ hasText: '22.5' }).waitFor();
    await page.getByTestId('empty-state').waitFor({ state: 'detached' });
    await picture(page, 'values');
  });

  it('draws the history of a topic from disk and goes on live', async () => {
    const { page } = await open();
    const sensor = await device();
    for (let n = 0; n < 30; n += 1) await sensor.publishAsync('lab/temp', String(20 + n / 10), { qos: 1 });
    await waitFor('30 points on disk', async () => {
      const response = await fetch(`${sonde.url}/api/v1/points?topic=lab/temp&field=value&limit=100`);
      return response.ok && ((await response.json()) as { points: unknown[] }).points.length === 30;
    });
    await page.goto(sonde.url);
    await row(page, 'lab/temp').click();
    await page.getByTestId('chart').waitFor();
    const plot = page.getByTestId('chart-plot');
    const points = async () => Number(await plot.getAttribute('data-points'));
    await waitFor('the history in the chart', async () => (await points()) >= 30);
    expect(await plot.getAttribute('data-field')).toBe('value');
    const before = await points();
    await sensor.publishAsync('lab/temp', '25', { qos: 1 });
    await waitFor('the live point', async () => (await points()) > before);
    await picture(page, 'chart');
  });

  it('publishes what is typed into its form', async () => {
    const { page } = await open();
    const listener = await device();
    const got: string[] = [];
    listener.on('message', (topic, payload) => got.push(`${topic} ${payload.toString()}`));
    await listener.subscribeAsync('lab/#');
    await listener.publishAsync('lab/lamp', 'off');
    await page.goto(sonde.url);
    await row(page, 'lab/lamp').click();
    const form = page.getByTestId('publish-form');
    await form.waitFor();
    await page.getByTestId('publish-topic').fill('lab/lamp');
    await page.getByTestId('publish-payload').fill('on');
    await page.getByTestId('publish-send').click();
    await waitFor('it at the listener', () => got.includes('lab/lamp on'));
  });

  it('comes back by itself after a restart of the server, with history and new values', async () => {
    const { page } = await open();
    await sonde.stop();
    const dataDir = mkdtempSync(join(tmpdir(), 'sonde-restart-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
    sonde = await startSonde({ history: 'duckdb', dataDir });
    await (await device()).publishAsync('lab/temp', '1', { qos: 1 });
    await page.goto(sonde.url);
    await lastValue(page, 'lab/temp').filter({ hasText: '1' }).waitFor();
    const health = page.getByTestId('health');
    await page.locator('[data-testid="health"][data-level="ok"]').waitFor();

    const { mqttPort, httpPort } = sonde;
    await sonde.stop();
    await page.locator('[data-testid="health"][data-level="bad"]').waitFor();
    expect(await health.textContent()).toMatch(/reconnect/i);
    await picture(page, 'disconnected');

    sonde = await startSonde({ history: 'duckdb', mqttPort, httpPort, dataDir });
    await (await device()).publishAsync('lab/temp', '2', { qos: 1 });
    await lastValue(page, 'lab/temp').filter({ hasText: '2' }).waitFor({ timeout: 20_000 });
    await row(page, 'lab/temp').click();
    await waitFor(
      'both points in the chart',
      async () => Number(await page.getByTestId('chart-plot').getAttribute('data-points')) >= 2,
    );
  });

  it('works on the screen of a phone', async () => {
    const phone = await openPage(browser, { width: 390, height: 844 });
    watched = phone;
    const sensor = await device();
    await sensor.publishAsync('lab/temp', '22.25', { qos: 1 });
    await phone.page.goto(sonde.url);
    await lastValue(phone.page, 'lab/temp').filter({ hasText: '22.25' }).waitFor();
    const overflow = await phone.page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
    await row(phone.page, 'lab/temp').click();
    await phone.page.getByTestId('chart').waitFor();
    await picture(phone.page, 'phone');
  });
});

describe('a server that lets nobody in without a key', () => {
  requireTool('chromium');

  it('asks for key and secret, refuses wrong ones and remembers right ones', async () => {
    const browser = await launchChromium();
    const sonde = await startSonde({ anonymous: 'none', history: 'off' });
    const { page, faults } = await openPage(browser);
    try {
      const made = await sondeCommand([
        'token',
        'create',
        '--data',
        sonde.dataDir,
        '--key',
        'front-desk',
        '--secret',
        'a long enough one',
      ]);
      expect(made.code).toBe(0);
      await page.goto(sonde.url);
      await page.getByTestId('signin-key').fill('front-desk');
      await page.getByTestId('signin-secret').fill('not the right one');
      await page.getByTestId('signin-submit').click();
      await page.getByTestId('signin-fault').waitFor();
      await picture(page, 'sign-in');
      await page.getByTestId('signin-secret').fill('a long enough one');
      await page.getByTestId('signin-submit').click();
      await page.getByTestId('empty-state').waitFor();
      await page.reload();
      await page.getByTestId('empty-state').waitFor();
      expect(faults).toEqual([]);
    } finally {
      await browser.close();
      await sonde.stop();
    }
  });
});
