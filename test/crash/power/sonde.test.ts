import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ackBytes, clientsOf, publishBytes } from '../../conformance/client.ts';
import { type Random, randomOf } from '../../fuzz/random.ts';
import { type RunningSonde, requireTool, startSonde } from '../../tooling/index.ts';
import { createDisk } from './disk-model.ts';
import { buildRecorder, type DiskEvent, newRecord, TOOLS } from './disk-record.ts';
import { chooseCut, writeCut } from './power-cut.ts';

const MESSAGES = 60;
/** Starts of Sonde on what a power cut leaves; ten for each seed by hand. */
const CUTS = Number(process.env['POWER_CUT_SEEDS'] ?? 0.3) * 10;

describe.skipIf(process.platform !== 'linux')('a power cut of Sonde itself', () => {
  requireTool(...TOOLS);
  let scratch: string;
  let sonde: RunningSonde | null = null;
  const clients = clientsOf(() => sonde?.mqttPort ?? 0);

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'sonde-power-'));
  });
  afterEach(async () => {
    clients.closeAll();
    await sonde?.kill();
    sonde = null;
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Messages for a session that is away, and all that Sonde asked of the disk and sent meanwhile. */
  async function recorded(dataDir: string): Promise<DiskEvent[]> {
    const record = newRecord(await buildRecorder(scratch), scratch, 'sonde', dataDir);
    sonde = await startSonde({ dataDir, env: { ...record.env, DISK_RECORD_SOCKETS: '1' } });
    const away = await clients.connect({ level: 4, id: 'away', clean: false });
    await away.subscribe('kept/#', 1);
    away.destroy();
    const publisher = await clients.connect({ level: 4, id: 'publisher' });
    for (let id = 1; id <= MESSAGES; id++) {
      publisher.send(publishBytes(4, 'kept/n', String(id), { qos: 1, id }));
      if (id % 3 === 0) for (let n = 0; n < 3; n++) await publisher.take('puback');
    }
    clients.closeAll();
    await sonde.kill();
    sonde = null;
    return record.events();
  }

  /** What a session that was away gets, up to a message that is sent now. */
  async function delivered(dataDir: string): Promise<number[]> {
    sonde = await startSonde({ dataDir });
    const away = await clients.connect({ level: 4, id: 'away', clean: false });
    const publisher = await clients.connect({ level: 4, id: 'publisher' });
    publisher.send(publishBytes(4, 'kept/n', 'last', { qos: 1, id: 1 }));
    const got: number[] = [];
    for (;;) {
      const { payload, packetId } = await away.take('publish');
      away.send(ackBytes('puback', packetId));
      if (Buffer.from(payload).toString() === 'last') break;
      got.push(Number(Buffer.from(payload).toString()));
    }
    clients.closeAll();
    await sonde.kill();
    sonde = null;
    return got;
  }

  /** Chooses places in a record, with what had been acknowledged by then. */
  function places(events: readonly DiskEvent[], random: Random) {
    const acks = events.map((event) => (event.do === 'send' ? ackedIn(event.bytes) : []));
    const first = acks.findIndex((ids) => ids.length > 0);
    const last = acks.findLastIndex((ids) => ids.length > 0);
    const chosen = Array.from({ length: CUTS }, () => first + random.below(last - first + 1));
    const count = (to: number): number => Math.max(0, ...acks.slice(0, to + 1).flat());
    return chosen.sort((a, b) => a - b).map((at) => ({ at, acked: count(at) }));
  }

  it(
    'a session that was away gets all that was acknowledged, in order, once',
    async () => {
      const random = randomOf(7);
      const dataDir = join(scratch, 'data');
      mkdirSync(dataDir);
      const disk = createDisk(dataDir);
      const events = await recorded(dataDir);
      let looked = 0;
      let taken = 0;
      for (const { at, acked } of places(events, random)) {
        for (const event of events.slice(taken, at + 1)) disk.take(event);
        taken = at + 1;
        const cut = join(scratch, 'cut');
        writeCut(disk.root, cut, chooseCut(random), random);
        const got = await delivered(cut);
        expect(got.length, `of ${acked} acknowledged`).toBeGreaterThanOrEqual(acked);
        expect(got).toEqual(Array.from({ length: got.length }, (_, n) => n + 1));
        looked += acked;
        rmSync(cut, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      }
      console.log(`power cut of Sonde: ${CUTS} prefixes, ${looked} acknowledged messages looked for`);
      expect(looked).toBeGreaterThan(0);
    },
    60_000 + CUTS * 10_000,
  );
});

/** The identifiers of the PUBACKs in what is sent on a connection of MQTT; each write has whole packets. */
function ackedIn(bytes: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 0; at + 4 <= bytes.length && bytes[at] === 0x40 && bytes[at + 1] === 2; at += 4) {
    ids.push(bytes.readUInt16BE(at + 2));
  }
  return ids;
}
