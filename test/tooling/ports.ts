import { createServer } from 'node:net';

const given = new Set<number>();

/** A TCP port of loopback that nothing listens on now; no port is given twice in one process. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await new Promise<number>((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() =>
          address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
        );
      });
    });
    if (!given.has(port)) {
      given.add(port);
      return port;
    }
  }
}
