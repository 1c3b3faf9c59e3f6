import { expect, test } from 'vitest';
import { encodeConnect, encodePublish, encodeSubscribe, putPuback } from './encode.ts';
import { createFraming, feed } from './framing.ts';
import {
  blankPayload,
  copySent,
  getPublisher,
  getSent,
  getSequence,
  MIN_PAYLOAD,
  putSent,
  putSequence,
} from './payload.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('the packets of the load are MQTT 3.1.1 byte for byte', () => {
  expect(hex(encodeConnect('ab'))).toBe('100e00044d51545404020000' + '00026162');
  expect(hex(encodeSubscribe('a/+', 1))).toBe('8208' + '0001' + '0003612f2b' + '01');
  expect(hex(encodePublish('a/b', Buffer.from('hi'), 0, 7))).toBe('3007' + '0003612f62' + '6869');
  expect(hex(encodePublish('a/b', Buffer.from('hi'), 1, 258))).toBe('3209' + '0003612f62' + '0102' + '6869');
  const ack = new Uint8Array(4);
  expect(putPuback(ack, 0, 258)).toBe(4);
  expect(hex(ack)).toBe('40020102');
});

test('a packet of 200 bytes has a remaining length of two bytes', () => {
  const packet = encodePublish('t', new Uint8Array(197), 0, 0);
  expect(hex(packet.subarray(0, 3))).toBe('30c801');
  expect(packet.length).toBe(203);
});

test('packets come out whole wherever the stream is cut', () => {
  const stream = Buffer.concat([
    encodePublish('a', Buffer.from('one'), 0, 0),
    encodePublish('b', new Uint8Array(300).fill(7), 1, 9),
    Buffer.from([0xd0, 0x00]),
  ]);
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const framing = createFraming();
    const seen: string[] = [];
    const take = (first: number, buffer: Uint8Array, start: number, end: number): void => {
      seen.push(`${first.toString(16)}:${hex(buffer.subarray(start, end))}`);
    };
    // The buffer is overwritten between the reads, as the shared one is.
    const shared = Buffer.alloc(stream.length);
    stream.copy(shared, 0, 0, cut);
    feed(framing, shared, cut, take);
    shared.fill(0xff);
    stream.copy(shared, 0, cut);
    feed(framing, shared, stream.length - cut, take);
    expect(seen).toEqual([`30:000161${hex(Buffer.from('one'))}`, `32:0001620009${'07'.repeat(300)}`, 'd0:']);
    expect(framing.tail).toBeNull();
  }
});

test('a remaining length of five bytes is refused', () => {
  expect(() => feed(createFraming(), Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]), 6, () => {})).toThrow(
    /four bytes/,
  );
});

test('a payload is JSON of the size asked for and gives back what was put in', () => {
  const buffer = Buffer.concat([Buffer.from('head'), blankPayload(1234567, 64), blankPayload(7, 64)]);
  putSequence(buffer, 4, 98_765_432);
  putSent(buffer, 4, 123_456_789_012_345);
  expect(getPublisher(buffer, 4)).toBe(1_234_567);
  expect(getSequence(buffer, 4)).toBe(98_765_432);
  expect(getSent(buffer, 4)).toBe(123_456_789_012_345);
  expect(JSON.parse(buffer.subarray(4, 68).toString())).toEqual({
    n: 1_123_456_798_765_432,
    sent: 1_123_456_789_012_345,
  });
  copySent(buffer, 4, 68);
  expect(getSent(buffer, 68)).toBe(123_456_789_012_345);
  expect(getPublisher(buffer, 68)).toBe(7);
  expect(getSequence(buffer, 68)).toBe(0);
});

test('a damaged payload gives no number', () => {
  const payload = blankPayload(1, 64);
  payload[16] = 0x2f;
  expect(getSequence(payload, 0)).toBeNaN();
  expect(() => blankPayload(1, MIN_PAYLOAD - 1)).toThrow(/at least/);
});
