import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hex, openRaw, type RunningSonde, sondeCommand, startSonde } from '../tooling/index.ts';

/**
 * A session as it was once captured on the wire between a Java client and a public broker, byte for byte.
 */
const golden = {
  /** CONNECT, 3.1.1, clean session, keep alive 60, client id `processing`, user `weatherSensors`, password `bme280Sensors`. */
  connect: hex(`
    10 35 00 04 4d 51 54 54 04 c2 00 3c 00 0a 70 72
    6f 63 65 73 73 69 6e 67 00 0e 77 65 61 74 68 65
    72 53 65 6e 73 6f 72 73 00 0d 62 6d 65 32 38 30
    53 65 6e 73 6f 72 73`),
  connack: hex('20 02 00 00'),
  /** SUBSCRIBE, identifier 1, `/sensors/temperature` at QoS 0. */
  subscribe: hex('82 19 00 01 00 14 2f 73 65 6e 73 6f 72 73 2f 74 65 6d 70 65 72 61 74 75 72 65 00'),
  suback: hex('90 03 00 01 00'),
  /** PUBLISH `25.80` on `/sensors/temperature`. */
  incoming: hex('30 1b 00 14 2f 73 65 6e 73 6f 72 73 2f 74 65 6d 70 65 72 61 74 75 72 65 32 35 2e 38 30'),
  /** PUBLISH `20` on `/sensors/temperature`. */
  outgoing: hex('30 18 00 14 2f 73 65 6e 73 6f 72 73 2f 74 65 6d 70 65 72 61 74 75 72 65 32 30'),
  disconnect: hex('e0 00'),
};

const key = 'weatherSensors';
const secret = 'bme280Sensors';

describe('the captured session', () => {
  let sonde: RunningSonde;
  beforeAll(async () => {
    sonde = await startSonde({ anonymous: 'none' });
    await createToken();
  });
  afterAll(() => sonde?.stop());

  /** The capture's own credentials, so that its CONNECT is good as it stands. */
  async function createToken(): Promise<void> {
    if (process.env['WORKSHOP_BROKER']) return;
    const args = ['token', 'create', '--data', sonde.dataDir, '--key', key, '--secret', secret];
    const result = await sondeCommand(args);
    expect(result, result.stderr).toMatchObject({ code: 0 });
  }

  it('is answered byte for byte', async () => {
    const client = await openRaw(sonde.mqttPort);
    const sensor = await openRaw(sonde.mqttPort);
    client.send(golden.connect);
    expect(await client.take(4)).toEqual(golden.connack);
    client.send(golden.subscribe);
    expect(await client.take(5)).toEqual(golden.suback);

    // Another client id, else the two would take each other over.
    sensor.send(Buffer.from(golden.connect.toString('latin1').replace('processing', 'processinG'), 'latin1'));
    expect(await sensor.take(4)).toEqual(golden.connack);
    sensor.send(golden.incoming);
    expect(await client.take(golden.incoming.length)).toEqual(golden.incoming);

    client.send(golden.outgoing);
    expect(await client.take(golden.outgoing.length)).toEqual(golden.outgoing);
    client.send(golden.disconnect);
    await client.closed();
    sensor.send(golden.disconnect);
    await sensor.closed();
    expect(client.pending()).toHaveLength(0);
    expect(sensor.pending()).toHaveLength(0);
  });

  it('is answered the same when it comes in one piece, before any answer', async () => {
    const client = await openRaw(sonde.mqttPort);
    client.send(Buffer.concat([golden.connect, golden.subscribe, golden.outgoing, golden.disconnect]));
    await client.closed();
    expect(client.pending()).toEqual(Buffer.concat([golden.connack, golden.suback, golden.outgoing]));
  });

  it('is answered the same when it comes byte by byte', async () => {
    const client = await openRaw(sonde.mqttPort);
    await client.sendSlowly(Buffer.concat([golden.connect, golden.subscribe, golden.outgoing]));
    expect(await client.take(4 + 5 + golden.outgoing.length)).toEqual(
      Buffer.concat([golden.connack, golden.suback, golden.outgoing]),
    );
    client.send(golden.disconnect);
    await client.closed();
  });

  it('is refused with return code 4 or 5 when the password is another', async () => {
    if (process.env['WORKSHOP_BROKER']) return;
    const client = await openRaw(sonde.mqttPort);
    const wrong = Buffer.from(golden.connect);
    wrong[wrong.length - 1] = 0x21;
    client.send(wrong);
    const answer = await client.take(4);
    expect([...answer.subarray(0, 3)]).toEqual([0x20, 2, 0]);
    expect([4, 5]).toContain(answer[3]);
    await client.closed();
    expect(sonde.log()).not.toContain('bme280');
  });
});
