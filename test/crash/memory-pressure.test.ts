import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientsOf, PINGREQ, publishBytes } from '../conformance/client.ts';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { health } from './publishers.ts';

const MIB = 1024 * 1024;
/** About 100 MiB above what it has at rest. */
const WATERMARK = 220 * MIB;
const SHED = [
  'new connections wait',
  'receivers that are behind get no QoS 0 messages, and caches are emptied',
  'publishers are read more slowly',
];

describe.skipIf(process.platform !== 'linux')('a broker whose memory is really short', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);

  beforeEach(async () => {
    const limits = { memoryWatermarkBytes: WATERMARK, maxQueuedBytes: 1024 * MIB };
    const args = Object.entries(limits).flatMap(([name, value]) => ['--limit', `${name}=${value}`]);
    sonde = await startSonde({ args });
  });
  afterEach(async () => {
    clients.closeAll();
    await sonde?.kill();
  });

  async function gauge(name: string): Promise<number> {
    const text = await (await fetch(`${sonde.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  it('sheds load in the stated order, answers those who are there, and takes all of it up again by itself', async () => {
    // A queue that only memory holds: its client does not read, and its session ends with it.
    const lazy = await clients.connect({ level: 4, id: 'lazy' });
    await lazy.subscribe('fill', 1);
    lazy.socket.pause();
    const quiet = await clients.connect({ level: 4, id: 'quiet' });
    const from = await clients.connect({ level: 4, id: 'from' });
    const payload = Buffer.alloc(100_000, 1);
    let id = 0;
    await waitFor(
      'publishers to be slowed',
      async () => {
        for (let n = 0; n < 25; n++) from.send(publishBytes(4, 'fill', payload, { qos: 1, id: ++id }));
        return (await gauge('sonde_memory_shed_level')) === 3;
      },
      20_000,
    );
    expect(await health(sonde)).toBe('degraded');
    const said = [...sonde.log().matchAll(/memory is \w+ its watermark: (.+?) {2}/g)].map(([, what]) => what);
    // One look may find it beyond two of them.
    expect([said, said.at(-1)]).toEqual([SHED.filter((what) => said.includes(what)), SHED.at(-1)]);
    const late = clients.connect({ level: 4, id: 'late' });
    const early = await Promise.race([late, new Promise((resolve) => setTimeout(resolve, 700, 'waits'))]);
    expect(early).toBe('waits');
    quiet.send(PINGREQ);
    await quiet.take('pingresp', 1000);

    from.destroy();
    lazy.destroy();
    await waitFor('all of it to be over', async () => (await gauge('sonde_memory_shed_level')) === 0, 20_000);
    await late;
    expect(await health(sonde)).toBe('ok');
    expect(sonde.log()).toContain('memory is below its watermark again');
  });
});
