import type { FastifyReply } from 'fastify';
import { type Access, isOfToken, type Principal } from '../access/index.ts';
import type { Logger, Reached } from '../base/index.ts';
import type { ByteSource } from '../history/index.ts';
import type { ApiLimits } from './limits.ts';
import { sendBytes } from './send-bytes.ts';
import { createSlots, type Slots } from './slots.ts';

/** Runs downloads: a bounded number at once, with back-pressure, ended when the reader stalls, leaves or loses its right. */
export type Downloads = {
  readonly active: () => number;
  /** Asks for the bytes, waits for the first of them (so that a fault still gets its own status), then sends them. */
  readonly send: (
    reply: FastifyReply,
    reader: Principal,
    headers: Readonly<Record<string, string>>,
    open: () => Promise<ByteSource>,
  ) => Promise<FastifyReply>;
};

export function createDownloads(
  access: Access,
  logger: Logger,
  { downloadsAtOnce, stallMs }: Pick<ApiLimits, 'downloadsAtOnce' | 'stallMs'>,
  reached: Reached,
): Downloads {
  const slots: Slots = createSlots(downloadsAtOnce, 'places for downloads', 5, () => {
    reached.httpDownloads += 1;
  });
  /** Each with its reader. */
  const running = new Map<FastifyReply, Principal>();

  access.onRevoked((key) => {
    for (const [reply, reader] of running) if (isOfToken(reader, key)) reply.raw.destroy();
  });

  const send: Downloads['send'] = async (reply, reader, headers, open) => {
    const release = slots.take();
    running.set(reply, reader);
    let source: ByteSource | null = null;
    const leave = (): void => source?.close();
    reply.raw.once('close', leave);
    try {
      source = await open();
      if (reply.raw.destroyed) source.close();
      const first = await source.next();
      reply.raw.setTimeout(stallMs, () => reply.raw.destroy());
      reply.headers(headers);
      return await sendBytes(reply, source, first, logger);
    } finally {
      source?.close();
      running.delete(reply);
      release();
    }
  };

  return { active: slots.used, send };
}
