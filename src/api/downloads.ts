import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Access } from '../access/index.ts';
import { type Logger, messageOf } from '../base/index.ts';
import { createSlots, type Slots } from './slots.ts';

/** Runs downloads: a bounded number at once, with back-pressure, ended when the reader stalls, leaves or loses its right. */
export type Downloads = {
  readonly active: () => number;
  /** Asks for the stream, waits for its first bytes (so that a fault still gets its own status), then sends it. */
  readonly send: (
    reply: FastifyReply,
    principalName: string,
    headers: Readonly<Record<string, string>>,
    open: () => Promise<Readable>,
  ) => Promise<FastifyReply>;
};

export function createDownloads(access: Access, logger: Logger, max: number, stallMs: number): Downloads {
  const slots: Slots = createSlots(max, 'places for downloads', 5);
  const running = new Map<Readable, string>();

  access.onRevoked((name) => {
    for (const [stream, owner] of running) {
      if (owner === name) stream.destroy(new Error('the right of its reader has ended'));
    }
  });

  const send: Downloads['send'] = async (reply, principalName, headers, open) => {
    const release = slots.take();
    let stream: Readable;
    try {
      stream = await open();
    } catch (error) {
      release();
      throw error;
    }
    running.set(stream, principalName);
    const ended = () => {
      running.delete(stream);
      release();
    };
    stream.once('end', ended).once('close', ended);
    await firstBytes(stream);
    // From here on a fault can only cut the connection: the status has been sent.
    stream.once('error', (error) => logger.warn({ error: messageOf(error) }, 'a download ended early'));
    if (reply.raw.destroyed) {
      stream.destroy();
      return reply.hijack();
    }
    reply.raw.setTimeout(stallMs, () => stream.destroy(new Error('its reader took no byte for too long')));
    return reply.headers(headers).send(stream);
  };

  return { active: slots.used, send };
}

/** Resolves when there is something to read or the stream has ended; rejects with its error. */
async function firstBytes(stream: Readable): Promise<void> {
  if (stream.errored !== null) throw stream.errored;
  if (stream.readableLength > 0 || stream.readableEnded || stream.destroyed) return;
  const stop = new AbortController();
  try {
    // `readable` also comes at the end of an empty stream.
    await Promise.race([
      once(stream, 'readable', { signal: stop.signal }),
      once(stream, 'close', { signal: stop.signal }),
    ]);
  } finally {
    stop.abort();
  }
}
