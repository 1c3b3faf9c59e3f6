import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type DirectHandle, directHandleOf, hasDirectWrite, writeDirect } from './direct-write.ts';

const open: (net.Socket | net.Server)[] = [];

async function pair(): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer();
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const [near] = (await once(server, 'connection')) as [net.Socket];
  open.push(near, far);
  return { near, far };
}

afterEach(() => {
  for (const each of open.splice(0)) {
    if (each instanceof net.Socket) each.destroy();
    else each.close();
  }
});

/** Writes to one socket; `onWritten` is called when what could not be written at once is gone. */
function writerOf(socket: net.Socket, onWritten: () => void = () => {}): (bytes: Buffer) => boolean {
  const handle = directHandleOf(socket) as DirectHandle;
  return (bytes) => writeDirect(handle, bytes, { onWritten, destroy: () => socket.destroy() });
}

async function collect(socket: net.Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks);
}

describe('writing past the stream', () => {
  it('is there in the Node that the tests run on', () => {
    expect(hasDirectWrite).toBe(true);
  });

  it('gives small buffers to the kernel at once, in order with those of the stream', async () => {
    const { near, far } = await pair();
    const write = writerOf(near);
    expect(write(Buffer.from('one '))).toBe(true);
    near.write('two ');
    expect(near.writableLength).toBe(0);
    expect(write(Buffer.from('three'))).toBe(true);
    expect((await collect(far, 13)).toString()).toBe('one two three');
  });

  it('says when the rest has gone to a peer that reads slowly, and nothing is lost', async () => {
    const { near, far } = await pair();
    far.pause();
    let written = 0;
    const write = writerOf(near, () => {
      written += 1;
    });
    const block = Buffer.alloc(1024 * 1024, 7);
    let sent = 0;
    let gone = true;
    while (gone && sent < 100) {
      gone = write(block);
      sent += 1;
    }
    expect(gone).toBe(false);
    expect(written).toBe(0);
    expect((await collect(far, sent * block.length)).length).toBe(sent * block.length);
    expect(written).toBe(1);
  });

  it('serves many sockets, of which some have to wait', async () => {
    const pairs = await Promise.all([pair(), pair(), pair()]);
    const block = Buffer.alloc(8 * 1024 * 1024, 7);
    const written: number[] = [];
    const writes = pairs.map(({ near, far }, i) => {
      far.pause();
      return writerOf(near, () => written.push(i));
    });
    expect(writes.map((write) => write(block))).toEqual([false, false, false]);
    const got = await Promise.all(pairs.map(({ far }) => collect(far, block.length)));
    expect(got.map((bytes) => bytes.equals(block))).toEqual([true, true, true]);
    expect(written.sort()).toEqual([0, 1, 2]);
  });

  it('leaves a broken connection to its close event', async () => {
    const { near, far } = await pair();
    const write = writerOf(near);
    near.on('error', () => {});
    const closed = once(near, 'close');
    far.resetAndDestroy();
    // The reset may be noticed by the first write or by reading; in either case the socket ends.
    for (let i = 0; i < 3 && !near.destroyed; i++) {
      write(Buffer.from('x'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    // Also long after: its handle answers with an error.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(write(Buffer.from('x'))).toBe(false);
  });
});
