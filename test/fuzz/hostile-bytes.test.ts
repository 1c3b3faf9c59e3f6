import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connect, packet, text } from '../conformance/packets.ts';
import { hex, openRaw, type RawClient, type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';

/** More for a long run by hand: WORKSHOP_FUZZ_RUNS=20000 npm test -- --only fuzz */
const RUNS = Number(process.env['WORKSHOP_FUZZ_RUNS'] ?? 400);
const PING = hex('c0 00');
const PONG = hex('d0 00');

const seeds: readonly Buffer[] = [
  packet(0x30, text('fuzz/a'), Buffer.from('22.25')),
  packet(0x32, text('fuzz/b'), [0, 7], Buffer.from('{"a":[1,2]}')),
  packet(0x34, text('fuzz/c'), [0, 8], Buffer.from('x')),
  packet(0x62, [0, 8]),
  packet(0x82, [0, 9], text('fuzz/#'), [1]),
  packet(0xa2, [0, 10], text('fuzz/#')),
  packet(0x82, [0, 11], text('$share/g/fuzz/+'), [0]),
  packet(0x82, [0, 12], text('$SYS/#'), [0]),
  PING,
  hex('e0 00'),
];

const level = fc.constantFrom(3 as const, 4 as const, 5 as const);

/** Good packets with some bytes changed, cut out or put in. */
const mutated = fc
  .tuple(
    fc.array(fc.constantFrom(...seeds), { minLength: 1, maxLength: 6 }),
    fc.array(fc.tuple(fc.nat(400), fc.nat(255), fc.constantFrom('set', 'cut', 'put')), { maxLength: 6 }),
  )
  .map(([packets, changes]) => {
    const bytes: number[] = Array.from(Buffer.concat(packets));
    for (const [at, value, kind] of changes) {
      const index = at % (bytes.length + 1);
      if (kind === 'set') bytes[index] = value;
      else if (kind === 'cut') bytes.splice(index, 1);
      else bytes.splice(index, 0, value);
    }
    return Buffer.from(bytes);
  });

describe('hostile bytes', () => {
  let sonde: RunningSonde;
  let witness: RawClient;

  beforeAll(async () => {
    sonde = await startSonde({ history: 'duckdb' });
    witness = await openRaw(sonde.mqttPort);
    witness.send(connect(4, 'witness'));
    expect(await witness.take(4)).toEqual(hex('20 02 00 00'));
  });
  afterAll(async () => {
    witness?.destroy();
    // A clean exit: the process is the one that was started.
    await sonde?.stop();
    expect(sonde.log()).not.toMatch(/unhandled|uncaught|TypeError|RangeError/i);
  });

  /** Sends, says good-bye by closing, and sees that others are still served. */
  async function throwAt(bytes: Buffer, cut: number): Promise<void> {
    const client = await openRaw(sonde.mqttPort);
    client.send(bytes.subarray(0, cut));
    if (cut < bytes.length) client.send(bytes.subarray(cut));
    witness.send(PING);
    expect(await witness.take(2)).toEqual(PONG);
    client.destroy();
  }

  it('before CONNECT harm nobody else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(300), (bytes, cut) =>
        throwAt(Buffer.from(bytes), cut),
      ),
      { numRuns: RUNS },
    );
  });

  it('in a CONNECT harm nobody else', async () => {
    await fc.assert(
      fc.asyncProperty(
        level,
        fc.nat(255),
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(200),
        (version, flags, rest, cut) =>
          throwAt(
            packet(0x10, text(version === 3 ? 'MQIsdp' : 'MQTT'), [version, flags, 0, 9], Buffer.from(rest)),
            cut,
          ),
      ),
      { numRuns: RUNS },
    );
  });

  it('after CONNECT harm nobody else', async () => {
    await fc.assert(
      fc.asyncProperty(level, fc.string({ maxLength: 20 }), mutated, fc.nat(300), (version, name, bytes, cut) =>
        throwAt(Buffer.concat([connect(version, `fuzz-${name}`), bytes]), cut),
      ),
      { numRuns: RUNS },
    );
  });

  it('over WebSocket harm nobody else', async () => {
    await fc.assert(
      fc.asyncProperty(mutated, fc.boolean(), async (bytes, isBinary) => {
        const socket = new WebSocket(sonde.wsUrl, 'mqtt');
        await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
        socket.on('error', () => {});
        socket.send(connect(4, 'fuzz-ws'));
        socket.send(isBinary ? bytes : bytes.toString('latin1'), { binary: isBinary });
        witness.send(PING);
        expect(await witness.take(2)).toEqual(PONG);
        socket.terminate();
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });

  it('in a payload reach history and do not stop it', async () => {
    const client = await openRaw(sonde.mqttPort);
    client.send(connect(4, 'payloads'));
    await client.take(4);
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .constantFrom('NaN', '1e999', '-0', '{"__proto__":1}', `${'['.repeat(5000)}`, '\ufeff1')
        .map((odd) => Buffer.from(odd)),
    );
    fc.assert(
      fc.property(payload, fc.nat(9), (bytes, n) => {
        client.send(packet(0x30, text(`payloads/${n}`), bytes));
      }),
      { numRuns: RUNS },
    );
    client.send(packet(0x32, text('payloads/last'), [0, 1], Buffer.from('42')));
    expect(await client.take(4)).toEqual(hex('40 02 00 01'));
    await waitFor('the last point', async () => {
      const response = await fetch(`${sonde.url}/api/v1/points?topic=payloads/last&field=value&limit=10`);
      return response.ok && (await response.text()).includes('42');
    });
    client.destroy();
  });

  it('leave memory bounded', async () => {
    const metrics = await (await fetch(`${sonde.url}/metrics`)).text();
    expect(Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1])).toBeLessThan(400 * 1024 * 1024);
  });
});
