import { createHost, type Host } from './host.ts';
import type { Reply, Request } from './messages.ts';

// A generator process. It does what the coordinator asks, one request at a time, and ends with it.
let host: Host | null = null;

process.on('message', (request: Request) => {
  void answer(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole group; the coordinator ends this process in its turn.
process.on('SIGINT', () => {});

async function answer(request: Request): Promise<Reply> {
  try {
    return { ok: true, value: await act(request) };
  } catch (error) {
    return { ok: false, text: error instanceof Error ? error.message : String(error) };
  }
}

async function act(request: Request): Promise<unknown> {
  if (request.step === 'listen') {
    host = createHost(request.setup);
    await host.listen();
    return null;
  }
  if (host === null) throw new Error(`${request.step} before listen`);
  switch (request.step) {
    case 'connect':
      return await host.connect();
    case 'start':
      return host.start();
    case 'stop':
      return host.stop();
    case 'drain':
      return await host.drain(request.sent, request.deadlineMs);
    case 'result':
      return host.result(request.sent);
    case 'close':
      return host.close();
  }
}
