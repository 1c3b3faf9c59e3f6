import { describe, expect, it } from 'vitest';
import { newFrame } from '../codec/index.ts';
import { readShortLength } from './short-length.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(value.length >> 8, value.length & 0xff), Buffer.from(value)]);
}

/** CONNECT as pycom's library writes it: the length is one byte, cut to eight bits. */
function pycomConnect(user: string, password: string, clientId = 'lopy'): Buffer {
  const fields = Buffer.concat([text(clientId), text(user), text(password)]);
  const head = Buffer.concat([Buffer.of(0x10, (10 + fields.length) & 0xff, 0, 4), Buffer.from('MQTT')]);
  return Buffer.concat([head, Buffer.of(4, 0xc2, 0, 0), fields]);
}

function pycomSubscribe(filter: string, id = 1): Buffer {
  const head = Buffer.of(0x82, (5 + filter.length) & 0xff, id >> 8, id & 0xff);
  return Buffer.concat([head, text(filter), Buffer.of(0)]);
}

describe('a length in one byte', () => {
  it.each([128, 129, 200, 254, 255])('of a CONNECT of %i bytes is found at every split', (size) => {
    const bytes = pycomConnect('u', 'p'.repeat(size - 10 - 6 - 3 - 2));
    const frame = newFrame();
    for (let limit = 3; limit < bytes.length; limit++) {
      expect(readShortLength(bytes, 0, limit, frame)).toBe(0);
    }
    expect(readShortLength(bytes, 0, bytes.length, frame)).toBe(1);
    expect(frame).toEqual({ firstByte: 0x10, bodyStart: 2, bodyEnd: 2 + size });
  });

  it.each([
    ['one that is right but for its longest form', '10 8f 00 00 04 4d 51 54 54'],
    ['another protocol name', '10 8f 00 04 4d 51 54 58'],
    ['a length below 128', '10 7f 00 04 4d 51 54 54 04'],
    ['a level that such clients do not speak', '10 8f 00 04 4d 51 54 54 05'],
    ['a SUBSCRIBE whose filter is not as long as it should be', '82 9a 00 01 00 14 61 61 61 61'],
    ['a SUBSCRIBE with a high identifier', '82 9a 01 01 00 95 61 61 61 61'],
  ])('is not seen in %s', (_, hex) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(readShortLength(bytes, 0, bytes.length, newFrame())).toBe(-1);
  });
});

describe('an old client of pycom', () => {
  it('is let in with a long user name and password, byte by byte, and the log says what to do', async () => {
    const { broker, lines } = fakeBroker({ worlds: ['default', 'u'.repeat(60)] });
    const device = new FakeDevice(broker);
    for (const byte of pycomConnect('u'.repeat(60), 'p'.repeat(80))) device.sendBytes(Buffer.of(byte));
    await settled();
    expect(device.of('connack')).toMatchObject([{ reason: 0 }]);
    const told = lines.filter(({ text: line }) => line.includes('longer than 127 bytes'));
    expect(told).toMatchObject([{ level: 'warn', fields: { client: 'lopy', hint: 'shortConnect' } }]);
  });

  it('is told about once, however often it comes back', async () => {
    const { broker, lines, wait } = fakeBroker({ worlds: ['default', 'u'.repeat(130)] });
    const connectOnce = async (): Promise<void> => {
      const device = new FakeDevice(broker);
      device.sendBytes(pycomConnect('u'.repeat(130), 'p'));
      await settled();
      device.drop();
    };
    const told = () => lines.filter(({ text: line }) => line.includes('a fault of the device')).length;
    for (let n = 0; n < 5; n++) await connectOnce();
    expect(told()).toBe(1);
    wait(3_600_000);
    await connectOnce();
    expect(told()).toBe(2);
  });

  it('cannot be let in when its CONNECT needs more than 255 bytes: the log says why', async () => {
    const { broker, lines } = fakeBroker();
    const device = new FakeDevice(broker);
    device.sendBytes(pycomConnect('u'.repeat(150), 'p'.repeat(250)));
    await settled();
    expect([device.closed, device.received]).toEqual([true, []]);
    expect(lines.at(-1)?.fields['why']).toMatch(/CONNECT: .* needs more than 255: shorten user name/);
  });

  it('may subscribe to a long filter as long as its packet identifiers are below 256', async () => {
    const { broker, lines } = fakeBroker();
    const device = await FakeDevice.connected(broker);
    const filter = `long/${'x'.repeat(150)}`;
    for (const byte of pycomSubscribe(filter, 7)) device.sendBytes(Buffer.of(byte));
    device.sendBytes(Buffer.concat([pycomSubscribe(filter, 8), Buffer.of(0xc0, 0)]));
    device.publish(filter, 'heard');
    await settled();
    expect(device.of('suback').map(({ packetId }) => packetId)).toEqual([7, 8]);
    expect(device.of('pingresp')).toHaveLength(1);
    expect(device.payloads).toEqual(['heard']);
    expect(lines.filter(({ fields }) => fields['hint'] === 'shortSubscribe')).toHaveLength(1);
  });

  it('is the only one: 5.0, and every other packet, keep to [MQTT-1.5.5-1]', async () => {
    const { broker } = fakeBroker();
    const five = await FakeDevice.connected(broker, { version: 5, clientId: 'five' });
    five.sendBytes(pycomSubscribe('x'.repeat(150)));
    const four = await FakeDevice.connected(broker);
    four.sendBytes(Buffer.concat([Buffer.of(0x30, 0x9a, 0), Buffer.alloc(154)]));
    expect([five.closed, four.closed]).toEqual([true, true]);
  });
});
