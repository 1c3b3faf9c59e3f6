import { createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { readClientHello } from './client-hello.ts';

/** What Node's own client sends first. */
function helloOf(servername: string | null, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createServer((socket: Socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      const named = servername === null ? {} : { servername };
      connect({ host: '127.0.0.1', port, maxVersion, ...named }).on('error', () => {});
    });
  });
}

/** The same message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

describe('the server name of a ClientHello', () => {
  let hello: Buffer;
  beforeAll(async () => {
    hello = await helloOf('lab.example', 'TLSv1.3');
  });

  it('is read as TLS 1.2 and 1.3 send it, and is null where none is sent', async () => {
    expect(readClientHello(hello)).toEqual({ state: 'read', serverName: 'lab.example' });
    expect(readClientHello(await helloOf('a.b.c', 'TLSv1.2'))).toEqual({ state: 'read', serverName: 'a.b.c' });
    expect(readClientHello(await helloOf(null, 'TLSv1.3'))).toEqual({ state: 'read', serverName: null });
  });

  it('is read once the last byte is there, wherever the bytes and the records are cut', () => {
    for (const bytes of [hello, inRecords(hello, 1), inRecords(hello, 7), inRecords(hello, 100)]) {
      for (let end = 0; end < bytes.length; end++) {
        expect(readClientHello(bytes.subarray(0, end))).toEqual({ state: 'more' });
      }
      expect(readClientHello(bytes)).toEqual({ state: 'read', serverName: 'lab.example' });
      // What follows is not looked at.
      expect(readClientHello(Buffer.concat([bytes, Buffer.from('x')]))).toMatchObject({ serverName: 'lab.example' });
    }
  });

  it.each([
    ['MQTT', Buffer.from('100c00044d51545404020000', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an alert', Buffer.from('15030100020128', 'hex')],
    ['an empty record', Buffer.from('1603010000', 'hex')],
    ['another handshake message', Buffer.from('1603010004020000ff', 'hex')],
    ['a message beyond all bounds', Buffer.from('160301000401ffffff', 'hex')],
    ['a message without anything', Buffer.from('160301000401000000', 'hex')],
  ])('is null for %s, which is left to TLS', (_, bytes) => {
    expect(readClientHello(bytes)).toEqual({ state: 'read', serverName: null });
  });

  it('never is more than bytes say, whichever of them is wrong', () => {
    for (let at = 0; at < hello.length; at++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const broken = Buffer.from(hello);
        broken[at] = value;
        const read = readClientHello(broken);
        if (read.state === 'read' && read.serverName !== null) expect(read.serverName.length).toBeLessThanOrEqual(400);
      }
    }
  });
});
