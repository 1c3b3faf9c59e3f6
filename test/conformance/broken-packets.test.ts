import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hex, openRaw, type RawClient, type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { connect, field, packet, text } from './packets.ts';

const PING = hex('c0 00');
const PONG = hex('d0 00');

/** What a client of MQTT 5.0 or 3.1.1 may not send, with the reasons (5.0) that the standard allows in answer. */
type Fault = readonly [what: string, bytes: (level: 4 | 5) => Buffer, reasons: readonly number[]];

const none = (level: number) => (level === 5 ? [0] : []);

const faults: readonly Fault[] = [
  ['a second CONNECT [MQTT-3.1.0-2, MQTT3-3.1.0-2]', (level) => connect(level, 'again'), [0x82]],
  ['a remaining length of five bytes (2.2.3)', () => hex('30 ff ff ff ff 01'), [0x81]],
  ['packet type 0', () => hex('00 00'), [0x81, 0x82]],
  ['CONNACK', (level) => packet(0x20, [0, 0], none(level)), [0x81, 0x82]],
  ['SUBACK', (level) => packet(0x90, [0, 1], none(level), [0]), [0x81, 0x82]],
  ['PINGRESP', () => PONG, [0x81, 0x82]],
  ['PINGREQ with a body', () => hex('c0 01 00'), [0x81]],
  ['PUBLISH at QoS 3 [MQTT-3.3.1-4, MQTT3-3.3.1-4]', (level) => packet(0x36, text('a'), [0, 1], none(level)), [0x81]],
  [
    'PUBLISH with DUP at QoS 0 [MQTT-3.3.1-2, MQTT3-3.3.1-2]',
    (level) => packet(0x38, text('a'), none(level)),
    [0x81, 0x82],
  ],
  [
    'PUBLISH to a filter [MQTT-3.3.2-2, MQTT-4.7.0-1, MQTT3-3.3.2-2, MQTT3-4.7.1-1]',
    (level) => packet(0x30, text('a/+'), none(level)),
    [0x81, 0x82, 0x90],
  ],
  [
    'PUBLISH with NUL in its topic [MQTT-1.5.4-2, MQTT-4.7.3-2, MQTT3-1.5.3-2, MQTT3-4.7.3-2]',
    (level) => packet(0x30, text('a\0b'), none(level)),
    [0x81, 0x90],
  ],
  [
    'PUBLISH with a topic that is no UTF-8 [MQTT-1.5.4-1, MQTT-3.3.2-1, MQTT3-1.5.3-1, MQTT3-3.3.2-1]',
    (level) => packet(0x30, field(hex('61 c3 28')), none(level)),
    [0x81, 0x90],
  ],
  ['PUBLISH whose topic is longer than the packet', () => packet(0x30, [0, 9, 0x61]), [0x81]],
  ['PUBLISH with an empty topic [MQTT-4.7.3-1, MQTT3-4.7.3-1]', (level) => packet(0x30, text(''), none(level)), [0x82]],
  [
    'PUBREL with wrong flags [MQTT-2.1.3-1, MQTT-3.6.1-1, MQTT3-2.2.2-2, MQTT3-3.6.1-1]',
    () => packet(0x60, [0, 1]),
    [0x81],
  ],
  [
    'SUBSCRIBE with wrong flags [MQTT-3.8.1-1, MQTT3-3.8.1-1]',
    (level) => packet(0x80, [0, 1], none(level), text('a'), [0]),
    [0x81],
  ],
  [
    'SUBSCRIBE without a filter [MQTT-3.8.3-2, MQTT3-3.8.3-3]',
    (level) => packet(0x82, [0, 1], none(level)),
    [0x81, 0x82],
  ],
  [
    'SUBSCRIBE with identifier 0 [MQTT-2.2.1-3, MQTT3-2.3.1-1]',
    (level) => packet(0x82, [0, 0], none(level), text('a'), [0]),
    [0x81, 0x82],
  ],
  ['SUBSCRIBE at QoS 3 [MQTT3-3.8.3-4]', (level) => packet(0x82, [0, 1], none(level), text('a'), [3]), [0x81, 0x82]],
  ['SUBSCRIBE that ends before its options', (level) => packet(0x82, [0, 1], none(level), text('a')), [0x81]],
  [
    'UNSUBSCRIBE without a filter [MQTT-3.10.3-2, MQTT3-3.10.3-2]',
    (level) => packet(0xa2, [0, 1], none(level)),
    [0x81, 0x82],
  ],
  ['DISCONNECT with wrong flags [MQTT-3.14.1-1, MQTT3-3.14.1-1]', () => packet(0xe1), [0x81]],
];

const faultsOf5: readonly Fault[] = [
  ['PUBLISH with topic alias 0 [MQTT-3.3.2-8]', () => packet(0x30, text('a'), [3, 0x23, 0, 0]), [0x94]],
  [
    'PUBLISH with an alias beyond the maximum [MQTT-3.3.2-9]',
    () => packet(0x30, text('a'), [3, 0x23, 0xff, 0xff]),
    [0x94],
  ],
  ['PUBLISH with an alias that was never set', () => packet(0x30, text(''), [3, 0x23, 0, 1]), [0x82, 0x94]],
  ['PUBLISH with a property twice (2.2.2.2)', () => packet(0x30, text('a'), [4, 1, 0, 1, 0]), [0x82]],
  ['PUBLISH with a property that is not its own', () => packet(0x30, text('a'), [5, 0x11, 0, 0, 0, 1]), [0x81, 0x82]],
  ['PUBLISH with a subscription identifier [MQTT-3.3.4-6]', () => packet(0x30, text('a'), [2, 0x0b, 1]), [0x81, 0x82]],
  ['PUBLISH whose properties are longer than the packet', () => packet(0x30, text('a'), [0x7f]), [0x81]],
  [
    'SUBSCRIBE with reserved option bits [MQTT-3.8.3-5]',
    () => packet(0x82, [0, 1, 0], text('a'), [0xc0]),
    [0x81, 0x82],
  ],
  ["DISCONNECT with a server's reason [MQTT-3.14.2-1]", () => packet(0xe0, [0x8e]), [0x82]],
  ['DISCONNECT with a server reference', () => packet(0xe0, [0, 4, 0x1c], text('a')), [0x82]],
  ['DISCONNECT with an unknown reason [MQTT-3.14.2-1]', () => packet(0xe0, [0x55]), [0x81, 0x82]],
];

describe('a packet that breaks the protocol', () => {
  let sonde: RunningSonde;
  let witness: RawClient;
  let serial = 0;
  const open: RawClient[] = [];

  beforeAll(async () => {
    sonde = await startSonde();
    witness = await openRaw(sonde.mqttPort);
    witness.send(connect(5, 'witness'));
    await waitFor('CONNACK', () => witness.pending().length >= 5);
    await witness.take(witness.pending().length);
  });
  afterAll(async () => {
    witness?.destroy();
    await sonde?.stop();
  });
  afterEach(async () => {
    for (const client of open.splice(0)) client.destroy();
    // Nobody else has noticed anything.
    witness.send(PING);
    expect(await witness.take(2)).toEqual(PONG);
  });

  async function raw(): Promise<RawClient> {
    const client = await openRaw(sonde.mqttPort);
    open.push(client);
    return client;
  }

  async function connected(level: 4 | 5): Promise<{ client: RawClient; name: string }> {
    const client = await raw();
    const name = `broken-${serial++}`;
    client.send(connect(level, name));
    const [type, length = 0] = await client.take(2);
    expect(type).toBe(0x20);
    expect((await client.take(length))[1]).toBe(0);
    return { client, name };
  }

  it.each([...faults, ...faultsOf5])(
    'of 5.0 ends the connection with a reason and a log line [MQTT-4.13.1-1, MQTT-4.13.2-1]: %s',
    async (_, bytes, reasons) => {
      const { client, name } = await connected(5);
      client.send(bytes(5));
      await client.closed();
      const [type, length = 0, reason = 0] = client.pending();
      expect(type).toBe(0xe0);
      expect(client.pending()).toHaveLength(2 + length);
      expect(reasons.map((code) => code.toString(16))).toContain(reason.toString(16));
      await waitFor('the log line', () =>
        sonde
          .log()
          .split('\n')
          .some((line) => line.includes(name) && /protocol error/.test(line)),
      );
    },
  );

  it.each(faults)(
    'of 3.1.1 ends the connection without a word, which that version has not [MQTT3-4.8.0-1]: %s',
    async (_, bytes) => {
      const { client, name } = await connected(4);
      client.send(bytes(4));
      await client.closed();
      expect(client.pending()).toHaveLength(0);
      await waitFor('the log line', () =>
        sonde
          .log()
          .split('\n')
          .some((line) => line.includes(name) && /protocol error/.test(line)),
      );
    },
  );

  it.each([
    ['PINGREQ', PING],
    ['PUBLISH', packet(0x30, text('a'), [0x31])],
    ['SUBSCRIBE', packet(0x82, [0, 1], text('#'), [0])],
    ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['256 MB announced before anybody is known', hex('10 ff ff ff 7f')],
    ['256 MB of something that is no CONNECT', hex('30 ff ff ff 7f')],
  ])('as the first one ends the connection without an answer [MQTT-3.1.0-1, MQTT3-3.1.0-1]: %s', async (_, bytes) => {
    const client = await raw();
    client.send(bytes);
    await client.closed();
    expect(client.pending()).toHaveLength(0);
  });

  it('is a CONNECT of an unknown version: return code 1, or reason 0x84', async () => {
    const client = await raw();
    client.send(packet(0x10, text('MQTT'), [6, 2, 0, 0], text('future')));
    await client.closed();
    const answer = client.pending();
    expect(answer[0]).toBe(0x20);
    expect([0x01, 0x84]).toContain(answer[3]);
  });

  it("is a CONNECT of 5.0 with the bit of 3.x's bridges: reason 0x84 in the form of 5.0 [MQTT-3.1.2-2]", async () => {
    const client = await raw();
    client.send(packet(0x10, text('MQTT'), [0x85, 2, 0, 0], [0], text('bridge')));
    await client.closed();
    const answer = client.pending();
    expect([answer[0], answer[1], answer[3]]).toEqual([0x20, answer.length - 2, 0x84]);
    expect(answer.length).toBeGreaterThan(4);
  });

  it.each([
    ['another protocol name [MQTT3-3.1.2-1]', packet(0x10, text('MQTX'), [4, 2, 0, 0], text('x'))],
    ['the reserved flag [MQTT3-3.1.2-3]', packet(0x10, text('MQTT'), [4, 3, 0, 0], text('x'))],
    ['a will at QoS 3 [MQTT3-3.1.2-14]', packet(0x10, text('MQTT'), [4, 0x1e, 0, 0], text('x'), text('w'), text('m'))],
    ['a retained will that is none [MQTT3-3.1.2-15]', packet(0x10, text('MQTT'), [4, 0x22, 0, 0], text('x'))],
    [
      'a password that is flagged and not there [MQTT3-3.1.2-21]',
      packet(0x10, text('MQTT'), [4, 0xc2, 0, 0], text('x'), text('user')),
    ],
    // Its first byte reads as a CONNECT with wrong flags.
    ['nothing of MQTT in it: a TLS hello', hex('16 03 01 02 00 01 00 01 fc 03 03')],
    ['bytes after its end', packet(0x10, text('MQTT'), [4, 2, 0, 0], text('x'), [1])],
  ])('is a CONNECT with %s: closed, and never accepted', async (_, bytes) => {
    const client = await raw();
    client.send(bytes);
    await client.closed();
    const answer = client.pending();
    if (answer.length > 0) expect(answer[3]).not.toBe(0);
  });

  it('is an empty client id without clean session in 3.1.1: return code 2 [MQTT3-3.1.3-7..9]', async () => {
    const client = await raw();
    client.send(connect(4, '', 0));
    await client.closed();
    expect(client.pending()).toEqual(hex('20 02 00 02'));
  });

  it('is a PUBLISH beyond the maximum packet size: reason 0x95', async () => {
    const { client } = await connected(5);
    client.send(hex('30 ff ff ff 7f 00 01 61 00'));
    await client.closed();
    expect([...client.pending().subarray(0, 3)]).toEqual([0xe0, client.pending()[1], 0x95]);
  });

  it('does not make memory grow with what it announces', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connected(4)));
    // Each announces as much as the limit allows and sends ten bytes of it.
    for (const { client } of clients) client.send(Buffer.concat([hex('30 80 80 80 01'), Buffer.alloc(10)]));
    witness.send(PING);
    expect(await witness.take(2)).toEqual(PONG);
    const metrics = await (await fetch(`${sonde.url}/metrics`)).text();
    const resident = Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
    expect(resident).toBeGreaterThan(0);
    expect(resident).toBeLessThan(300 * 1024 * 1024);
  });

  it('is silence for longer than one and a half keep-alive times: reason 0x8d [MQTT-3.1.2-22]', async () => {
    const client = await raw();
    client.send(connect(5, 'silent', 2, 1));
    const [, length = 0] = await client.take(2);
    await client.take(length);
    await client.closed();
    expect(client.pending()[2]).toBe(0x8d);
  });
});
