import { readFileSync } from 'node:fs';
import { type Client, connectBytes, open, publishBytes } from './client.ts';

/** A client that does nothing wrong while others do: it publishes to itself and measures how long each message takes. */
export type Canary = {
  /** The slowest round trip since the last call, in milliseconds; throws when it was disconnected or lost a message. */
  readonly worstMs: () => Promise<number>;
  readonly stop: () => void;
};

const EVERY_MS = 20;

/** Connects a canary of its own client id and topic. */
export async function startCanary(port: number, name = 'canary'): Promise<Canary> {
  const client: Client = await open(port, 4);
  client.send(connectBytes({ level: 4, id: name, keepAlive: 30 }));
  await client.take('connack');
  await client.subscribe(`${name}/song`, 1);
  let worst = 0;
  let failure: unknown;
  let stopped = false;
  let sung = 0;

  const sing = async (): Promise<void> => {
    for (let n = 1; !stopped; n++) {
      const since = performance.now();
      client.send(publishBytes(4, `${name}/song`, String(n), { qos: 1, id: (n % 65_535) + 1 }));
      let heard = false;
      let acknowledged = false;
      while (!heard || !acknowledged) {
        const packet = await client.anything(10_000);
        if (stopped) return;
        if (packet === null) throw new Error('the canary was disconnected');
        if (packet.type === 'puback') acknowledged = true;
        else if (packet.type === 'publish' && packet.payload.toString() === String(n)) {
          heard = true;
          client.send(Buffer.from([0x40, 2, packet.packetId >> 8, packet.packetId & 0xff]));
        } else throw new Error(`the canary got ${JSON.stringify(packet)}`);
      }
      worst = Math.max(worst, performance.now() - since);
      sung += 1;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  };
  sing().catch((error: unknown) => {
    if (!stopped) failure = error;
  });

  return {
    async worstMs() {
      // One more whole song, so that what was done until now has its effect.
      const before = sung;
      const deadline = performance.now() + 10_000;
      while (sung < before + 2 && failure === undefined) {
        if (performance.now() > deadline) throw new Error('the canary is silent');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      if (failure !== undefined) throw failure;
      const result = worst;
      worst = 0;
      return result;
    },
    stop() {
      stopped = true;
      client.destroy();
    },
  };
}

/** Resident memory of a process, in MiB (Linux: from /proc; elsewhere from its own /metrics). */
export async function residentMiB(pid: number, url: string): Promise<number> {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  } catch {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]) / 1024 / 1024;
  }
}
