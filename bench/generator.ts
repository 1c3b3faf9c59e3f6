import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startWorker, stopProcess } from './processes.ts';
import type { Reply, ReplyValues, Request } from './worker/messages.ts';

/** One generator process as the coordinator holds it. */
export type Generator = {
  readonly ask: <S extends Request['step']>(
    request: Extract<Request, { step: S }>,
  ) => Promise<S extends keyof ReplyValues ? ReplyValues[S] : unknown>;
  readonly stop: () => Promise<void>;
};

/** Starts one generator process. */
export function startGenerator(): Generator {
  const child = startWorker(fileURLToPath(new URL('./worker/entry.js', import.meta.url)));
  return {
    ask: async (request) => (await askOnce(child, request)) as never,
    stop: () => stopProcess(child, 2000),
  };
}

function askOnce(child: ChildProcess, request: Request): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      child.off('message', onReply);
      child.off('exit', onExit);
    };
    const onReply = (reply: Reply): void => {
      settle();
      if (reply.ok) resolve(reply.value);
      else reject(new Error(reply.text));
    };
    const onExit = (code: number | null): void => {
      settle();
      reject(new Error(`a generator process ended with ${code} during ${request.step}`));
    };
    child.on('message', onReply);
    child.on('exit', onExit);
    child.send(request);
  });
}
