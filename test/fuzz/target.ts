import { readdirSync, readFileSync } from 'node:fs';
import { connect as connectTo } from 'node:net';
import { WebSocket } from 'ws';
import { residentMiB, startCanary } from '../conformance/canary.ts';
import { connectBytes, open } from '../conformance/client.ts';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import type { Input } from './inputs.ts';

/** A Sonde that is thrown at. What it keeps for clients is held short, so that only what it should not keep can grow. */
export type Target = {
  readonly sonde: RunningSonde;
  /** Throws all at once, then sees that it lives: throws an error when it does not. */
  readonly throwAll: (inputs: readonly Input[]) => Promise<Answer>;
  readonly residentMiB: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

/** Its slowest answer to somebody else, and for how long of that it or the test waited for a processor, in ms. */
export type Answer = { readonly ms: number; readonly starvedMs: number };

/** How late an answer may be, on a processor of its own. */
const ANSWER_MS = 1000;
/** After this it is gone, on whatever machine. */
const PATIENCE_MS = 10_000;
const FAULTS = /uncaught|unhandled|fault of Sonde|TypeError|RangeError|^\s+at /i;
const KEPT_SHORT = ['maxSessionExpiryS=20', 'maxRetainedMessages=2000', 'topicCacheEntries=10000'];

export async function startTarget(): Promise<Target> {
  const sonde = await startSonde({ history: 'duckdb', args: KEPT_SHORT.flatMap((limit) => ['--limit', limit]) });
  const canary = await startCanary(sonde.mqttPort);

  /** From the socket to the answer of a PINGREQ. */
  async function freshClientMs(): Promise<number> {
    const since = performance.now();
    const client = await open(sonde.mqttPort, 4);
    try {
      client.send(connectBytes({ level: 4, id: 'fresh' }));
      const { reason } = await client.take('connack', PATIENCE_MS);
      if (reason !== 0) throw new Error(`a fresh client was refused with ${reason}`);
      await client.drain(PATIENCE_MS);
      return performance.now() - since;
    } finally {
      client.destroy();
    }
  }

  return {
    sonde,
    async throwAll(inputs) {
      const starvedBefore = starvedMs(sonde.pid);
      const ends = await Promise.all(inputs.map((input) => throwAt(sonde, input)));
      // While they are still there, and when they have gone.
      const busyMs = await canary.worstMs();
      for (const end of ends) end();
      const ms = Math.max(busyMs, await canary.worstMs(), await freshClientMs());
      const answer = { ms, starvedMs: Math.min(ms, starvedMs(sonde.pid) - starvedBefore) };
      const faults = sonde
        .log()
        .split('\n')
        .filter((line) => FAULTS.test(line));
      if (faults.length > 0) throw new Error(`it said:\n${faults.slice(0, 20).join('\n')}`);
      sonde.process.forget();
      if (ms - answer.starvedMs > ANSWER_MS) throw new Error(`it took ${Math.round(ms)} ms to answer somebody else`);
      return answer;
    },
    residentMiB: () => residentMiB(sonde.pid, sonde.url),
    async stop() {
      await canary.stop();
      await sonde.stop(); // throws unless it ends cleanly: it is still the process that was started
    },
  };
}

/**
 * How long the main thread of a process, and the worst off of our own threads, were ready to run and did not, in all (Linux;
 * else 0): on a busy machine that is no fault of who answers late.
 */
function starvedMs(pid: number): number {
  const waited = (path: string) => Number(readFileSync(path, 'utf8').split(' ')[1]) / 1e6;
  try {
    const own = readdirSync('/proc/self/task').map((thread) => waited(`/proc/self/task/${thread}/schedstat`));
    return waited(`/proc/${pid}/schedstat`) + Math.max(...own);
  } catch {
    return 0;
  }
}

/** Says it all; what is returned ends the connection. */
async function throwAt(sonde: RunningSonde, { bytes, cuts, transport }: Input): Promise<() => void> {
  if (transport === 'websocket') {
    const socket = new WebSocket(sonde.wsUrl, 'mqtt');
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.once('open', resolve).once('close', () => resolve()));
    for (const part of parts(bytes, cuts)) if (socket.readyState === WebSocket.OPEN) socket.send(part);
    return () => socket.terminate();
  }
  const socket = connectTo({ host: '127.0.0.1', port: sonde.mqttPort, noDelay: true });
  socket.on('error', () => {});
  socket.resume();
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  for (const part of parts(bytes, cuts)) {
    if (socket.writable) socket.write(part);
    if (cuts.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return () => socket.destroy();
}

function parts(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((end, n) => bytes.subarray(edges[n] as number, end));
}
