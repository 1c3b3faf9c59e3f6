import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** A client that does nothing wrong while others do: it publishes to itself at QoS 1 and measures how long that takes. */
export type Canary = {
  /** The slowest round trip since the last call, in milliseconds; throws when it was disconnected or lost a message. */
  readonly worstMs: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

/** In a thread of its own, so that it does not measure how busy the test is. Plain JavaScript: threads know no TypeScript. */
const SONG = `
const { connect } = require('node:net');
const { parentPort, workerData: { port, name } } = require('node:worker_threads');
const field = (text) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);
const packet = (first, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([first, body.length]), body]);
};
const EVERY_MS = 20, LOST_MS = 10_000;
const topic = field(name + '/song');
const socket = connect({ host: '127.0.0.1', port, noDelay: true });
let bytes = Buffer.alloc(0), n = 0, since = 0, heard = true, acknowledged = true, worst = 0, songs = 0, asked = -1;
const fail = (why) => { parentPort.postMessage({ failure: why }); };
const sing = () => {
  n = (n % 65535) + 1;
  heard = acknowledged = false;
  since = performance.now();
  socket.write(packet(0x32, topic, [n >> 8, n & 255], Buffer.from(String(n))));
};
const done = () => {
  if (!heard || !acknowledged) return;
  worst = Math.max(worst, performance.now() - since);
  songs += 1;
  if (asked >= 0 && songs >= asked) { parentPort.postMessage({ worst }); worst = 0; asked = -1; }
  setTimeout(sing, EVERY_MS);
};
const take = (type, body) => {
  if (type === 2) socket.write(packet(0x82, [0, 1], topic, [1]));
  else if (type === 9) { parentPort.postMessage({ ready: true }); sing(); }
  else if (type === 4) { acknowledged = true; done(); }
  else if (type === 3) {
    const at = 2 + body.readUInt16BE(0);
    socket.write(Buffer.from([0x40, 2, body[at], body[at + 1]]));
    if (body.toString('latin1', at + 2) !== String(n)) return fail('heard ' + body.toString('latin1', at + 2) + ' instead of ' + n);
    heard = true;
    done();
  }
};
socket.on('connect', () => socket.write(packet(0x10, field('MQTT'), [4, 2, 0, 60], field(name))));
socket.on('data', (chunk) => {
  bytes = Buffer.concat([bytes, chunk]);
  while (bytes.length >= 2 && bytes.length >= 2 + bytes[1]) {
    const end = 2 + bytes[1];
    take(bytes[0] >> 4, bytes.subarray(2, end));
    bytes = bytes.subarray(end);
  }
});
socket.on('error', (error) => fail(error.message));
socket.on('close', () => fail('it was disconnected'));
setInterval(() => { if (since > 0 && !(heard && acknowledged) && performance.now() - since > LOST_MS) fail('a message was lost'); }, 500);
// Two more whole songs, so that what was done until now has its effect.
parentPort.on('message', () => { asked = songs + 2; });
`;

type Said = { readonly ready?: true; readonly worst?: number; readonly failure?: string };

/** Connects a canary of its own client id and topic. */
export async function startCanary(port: number, name = 'canary'): Promise<Canary> {
  const worker = new Worker(SONG, { eval: true, workerData: { port, name } });
  let failure: string | undefined;
  let hear: (said: Said) => void = () => {};
  worker.on('message', (said: Said) => {
    failure ??= said.failure;
    hear(said);
  });
  const answer = (): Promise<Said> =>
    new Promise((resolve) => {
      hear = resolve;
    });
  const check = (said: Said): Said => {
    if (failure !== undefined) throw new Error(`the canary ${name}: ${failure}`);
    return said;
  };
  check(await answer());
  return {
    async worstMs() {
      check({});
      const answered = answer();
      worker.postMessage('how long?');
      return check(await answered).worst ?? Number.POSITIVE_INFINITY;
    },
    stop: async () => void (await worker.terminate()),
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
