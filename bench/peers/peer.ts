import { connect, createServer } from 'node:net';

/** A broker that runs for the bench. */
export type RunningPeer = {
  /** Root of its process tree. */
  readonly pid: number;
  readonly mqttPort: number;
  /** Its HTTP port, for Sonde's own figures. */
  readonly httpPort: number | null;
  readonly stop: () => Promise<void>;
};

/** A broker under test. */
export type Peer = {
  readonly name: string;
  /** What runs, in words: version and settings that matter. */
  readonly describe: () => Promise<string>;
  readonly start: () => Promise<RunningPeer>;
};

/** Ports on 127.0.0.1 that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether somebody takes connections there. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Asks every 20 ms until `ready` says yes. Throws after `deadlineMs`, or at once when `failed` has a text. */
export async function waitUntil(
  what: string,
  ready: () => Promise<boolean> | boolean,
  deadlineMs: number,
  failed: () => string = () => '',
): Promise<void> {
  const until = Date.now() + deadlineMs;
  while (!(await ready())) {
    if (failed() !== '') throw new Error(`${what}: ${failed()}`);
    if (Date.now() > until) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function listenAnywhere(): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
