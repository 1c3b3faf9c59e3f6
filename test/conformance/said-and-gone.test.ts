import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { freePort, type RunningSonde, startSonde } from '../tooling/index.ts';
import { clientsOf, connectBytes, publishBytes, subscribeBytes } from './client.ts';

/*
 * Devices that wake, say all that they have in one go and are gone. Here each is a clean start in the place of a session that
 * stays, so its CONNECT has to wait for the disk, and all behind it is there before it is let in.
 */

let sonde: RunningSonde;
let tlsPort = 0;
const clients = clientsOf(() => sonde.mqttPort);

beforeAll(async () => {
  tlsPort = await freePort();
  sonde = await startSonde({ args: ['--mqtts', `127.0.0.1:${tlsPort}`] });
});
afterAll(async () => {
  clients.closeAll();
  await sonde?.stop();
});

const WAYS: Readonly<Record<string, (bytes: Buffer) => Promise<void>>> = {
  TCP: (bytes) =>
    new Promise((resolve) => {
      const socket = connectTcp(sonde.mqttPort, '127.0.0.1', () => socket.end(bytes));
      socket.on('close', () => resolve()).resume();
    }),
  TLS: (bytes) =>
    new Promise((resolve) => {
      const socket = connectTls({ port: tlsPort, host: '127.0.0.1', rejectUnauthorized: false }, () =>
        socket.end(bytes),
      );
      socket.on('close', () => resolve()).resume();
    }),
  WebSocket: (bytes) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${sonde.httpPort}/mqtt`, 'mqtt');
      socket.on('open', () => {
        socket.send(bytes);
        socket.close();
      });
      socket.on('close', () => resolve());
    }),
};

it.each(Object.keys(WAYS))(
  'what was said before the end is heard, and a good-bye in it counts, by %s [MQTT-3.14.4-3]',
  async (way) => {
    const watcher = await clients.connect({ level: 4, id: `watcher-${way}` });
    watcher.send(subscribeBytes(4, 1, [[`${way}/#`, 0]]));
    await watcher.take('suback');
    for (let round = 0; round < 3; round++) {
      const id = `device-${way}-${round}`;
      const before = await clients.connect({ level: 4, id, clean: false });
      before.destroy();
      const will = { topic: `${way}/will`, payload: 'gone' };
      const said = Array.from({ length: 10 }, (_, n) => publishBytes(4, `${way}/${round}`, String(n)));
      const goodbye = Buffer.of(0xe0, 0);
      await WAYS[way]?.(Buffer.concat([connectBytes({ level: 4, id, clean: true, will }), ...said, goodbye]));
      for (let n = 0; n < 10; n++) {
        const { topic, payload } = await watcher.take('publish');
        expect([topic, Buffer.from(payload).toString()]).toEqual([`${way}/${round}`, String(n)]);
      }
    }
    // Whatever was published before this came before it.
    watcher.send(publishBytes(4, `${way}/end`, 'end'));
    expect((await watcher.take('publish')).topic).toBe(`${way}/end`);
  },
);
