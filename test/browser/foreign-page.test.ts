import { createServer, type Server } from 'node:http';
import { connectAsync } from 'mqtt';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, hasTool, launchChromium, type RunningSonde, requireTool, startSonde } from '../tooling/index.ts';
import { openPage } from './page.ts';

/**
 * What somebody else's page can try in a visitor's browser, which runs on this machine and so reaches loopback. Each
 * attempt answers `refused` or with what it got.
 */
const ATTEMPTS = {
  'open a WebSocket': `new Promise((resolve) => {
    const socket = new WebSocket('ws://' + host + '/mqtt', 'mqtt');
    socket.onopen = () => resolve('opened');
    socket.onerror = () => resolve('refused');
  })`,
  'open a WebSocket on another path': `new Promise((resolve) => {
    const socket = new WebSocket('ws://' + host + '/', 'mqtt');
    socket.onopen = () => resolve('opened');
    socket.onerror = () => resolve('refused');
  })`,
  'read the topics': `fetch('http://' + host + '/api/v1/topics').then((r) => r.text(), () => 'refused')`,
  'read the clients without CORS': `fetch('http://' + host + '/api/v1/clients', { mode: 'no-cors' })
    .then((r) => r.text()).then((text) => text || 'refused', () => 'refused')`,
  'publish with JSON': `fetch('http://' + host + '/api/v1/publish', {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic: 'attack', payload: 'json', qos: 0, retain: true }),
  }).then((r) => r.text(), () => 'refused')`,
  // A request that no browser asks about beforehand: only the server can refuse it.
  'publish with a simple request': `fetch('http://' + host + '/api/v1/publish', {
    method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' },
    body: JSON.stringify({ topic: 'attack', payload: 'plain', qos: 0, retain: true }),
  }).then((r) => r.text()).then((text) => text || 'refused', () => 'refused')`,
  'publish with a form': `new Promise((resolve) => {
    const frame = Object.assign(document.createElement('iframe'), { name: 'out', onload: () => resolve('refused') });
    const form = Object.assign(document.createElement('form'), {
      method: 'post', target: 'out', enctype: 'text/plain', action: 'http://' + host + '/api/v1/publish',
    });
    form.append(Object.assign(document.createElement('input'), { name: '{"topic":"attack","payload":"form","x":"', value: '"}' }));
    document.body.append(frame, form);
    form.submit();
  })`,
};

describe('a page of another origin', () => {
  requireTool('chromium');
  let browser: Browser;
  let sonde: RunningSonde;
  let foreign: Server;
  let foreignPort = 0;

  beforeAll(async () => {
    sonde = await startSonde();
    foreignPort = await freePort();
    foreign = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>elsewhere</title><body>');
    });
    await new Promise<void>((resolve) => foreign.listen(foreignPort, '127.0.0.1', resolve));
    if (hasTool('chromium')) browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    foreign?.close();
    foreign?.closeAllConnections();
    await sonde?.stop();
  });

  // Another port is another origin; so is another name for the same machine.
  it.each(['127.0.0.1', 'localhost'])('at %s gets nothing and changes nothing', async (name) => {
    const witness = await connectAsync(`mqtt://127.0.0.1:${sonde.mqttPort}`);
    const seen: string[] = [];
    witness.on('message', (topic) => seen.push(topic));
    await witness.subscribeAsync('#');
    const { page, close } = await openPage(browser);
    await page.goto(`http://${name}:${foreignPort}/`);
    for (const [attempt, script] of Object.entries(ATTEMPTS)) {
      const outcome = await page.evaluate(
        `(() => { const host = '127.0.0.1:${sonde.httpPort}'; return ${script}; })()`,
      );
      expect(`${attempt}: ${outcome}`).toBe(`${attempt}: refused`);
    }
    // What came before a message of our own would have been seen before it.
    await witness.publishAsync('last', 'one', { qos: 1 });
    expect(seen.filter((topic) => topic !== 'last')).toEqual([]);
    await witness.endAsync();
    await close();
  });

  it('is not Sonde’s own page, which gets in', async () => {
    const { page, close } = await openPage(browser);
    await page.goto(sonde.url);
    for (const attempt of ['open a WebSocket', 'read the topics'] as const) {
      const outcome = await page.evaluate(
        `(() => { const host = '127.0.0.1:${sonde.httpPort}'; return ${ATTEMPTS[attempt]}; })()`,
      );
      expect(outcome).not.toBe('refused');
    }
    await close();
  });
});
