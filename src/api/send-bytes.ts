import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { type Logger, messageOf } from '../base/index.ts';
import type { ByteSource } from '../history/index.ts';

/**
 * Sends what a source gives, one piece at a time at the reader's pace; `first` was taken from it already. Not as a Node
 * stream: a piece's memory is the source's again once the kernel has it. The status is sent by
 * then: when the source fails, the connection is cut, so that nobody takes what came for the whole. Closes the source however
 * it ends.
 */
export async function sendBytes(
  reply: FastifyReply,
  source: ByteSource,
  first: Uint8Array | null,
  logger: Logger,
): Promise<FastifyReply> {
  const response = reply.raw;
  response.once('close', source.close);
  reply.hijack();
  try {
    if (response.destroyed) return reply;
    response.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
    for (let piece = first; piece !== null && !response.destroyed; piece = await source.next()) {
      await written(response, piece);
    }
    // Closed because its reader is gone: then there is nobody to tell.
    response.end();
  } catch (error) {
    logger.warn({ error: messageOf(error) }, 'an answer ended early');
    response.destroy();
  } finally {
    source.close();
  }
  return reply;
}

/** Resolves when the kernel has the bytes, or the connection is gone. */
function written(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', resolve);
    response.write(bytes, () => {
      response.off('close', resolve);
      resolve();
    });
  });
}
