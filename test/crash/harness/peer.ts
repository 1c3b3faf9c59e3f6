import { connect, type Socket } from 'node:net';
import { decodePacket, newFrame, type Packet, readFrame } from '../../../src/codec/index.ts';
import { connectBytes, DISCONNECT, type Level, u32 } from '../../conformance/client.ts';
import type { Run } from './run-state.ts';

/** A client with a session that it keeps: it comes back as long as it is wanted. */
export type Peer = {
  readonly isUp: () => boolean;
  /** Milliseconds of `performance.now()` when the connection of now, or the last one, was begun. */
  readonly begunMs: () => number;
  /** Does nothing while there is no connection: what has to be sent again is sent again by its owner. */
  readonly send: (bytes: Uint8Array) => void;
  /** Connects, now and whenever the connection is lost. */
  readonly come: () => void;
  /** Leaves with DISCONNECT, or as somebody whose cable is pulled, and stays away. */
  readonly leave: (how: 'disconnect' | 'cut') => void;
};

export type PeerSpec = {
  readonly id: string;
  readonly level: Level;
  /** Default false: the session is kept, and CONNACK has to say so from the second time on. */
  readonly clean?: boolean;
  readonly onUp: (sessionPresent: boolean) => void;
  readonly onPacket: (packet: Packet) => void;
  readonly onDown: () => void;
};

/** CONNACK promises nothing yet: what tells that the session is on disk. */
const ACKNOWLEDGED: ReadonlySet<string> = new Set(['suback', 'unsuback', 'puback', 'pubrec', 'pubcomp']);
/**
 * Identifier of an UNSUBSCRIBE of nothing: its UNSUBACK says that all before it was read (a PINGREQ is answered past what
 * waits for room), and nothing of the session.
 */
export const BARRIER = 65_535;
const SHUTTING_DOWN = 0x8b;
const RETRY_MS = 25;
const CONNACK_MS = 8000;
/** Session Expiry Interval of 5.0, in seconds. */
const KEPT_S = 24 * 3600;

/** Makes a client that is not connected yet. */
export function createPeer(run: Run, { id, level, clean = false, onUp, onPacket, onDown }: PeerSpec): Peer {
  let wanted = false;
  let socket: Socket | null = null;
  let up = false;
  let hasSession = false;
  let timer: NodeJS.Timeout | null = null;
  /** The Sonde that ended the connection, if this client did not want it to end. */
  let endedBy: number | null = null;
  let server: number | null = null;
  let begunMs = 0;

  function dial(): void {
    timer = null;
    if (!wanted || socket !== null) return;
    begunMs = performance.now();
    const dialled = connect({ host: '127.0.0.1', port: run.mqttPort, noDelay: true });
    socket = dialled;
    const patience = setTimeout(() => dialled.destroy(), CONNACK_MS);
    dialled.on('connect', () => {
      const properties = level === 5 && !clean ? [0x11, ...u32(KEPT_S)] : [];
      dialled.write(connectBytes({ id, level, clean, properties }));
    });
    dialled.on('error', () => {}); // a refusal or a reset: 'close' follows
    dialled.on('close', () => {
      clearTimeout(patience);
      socket = null;
      if (up) run.trace(id, 'down');
      const wasUp = up;
      up = false;
      if (wasUp) onDown();
      if (wasUp && wanted) endedBy = server;
      if (wanted && timer === null) timer = setTimeout(dial, RETRY_MS);
    });
    readPackets(dialled, level, (packet) => {
      if (packet.type === 'disconnect' && packet.reason !== SHUTTING_DOWN) {
        run.fault('session faults', `${id}: DISCONNECT with reason ${packet.reason}`);
      }
      if (packet.type !== 'connack') {
        const isBarrier = packet.type === 'unsuback' && packet.packetId === BARRIER;
        if (!clean && !isBarrier && ACKNOWLEDGED.has(packet.type)) hasSession = true;
        if (up) onPacket(packet);
        return;
      }
      clearTimeout(patience);
      run.trace(id, `connack ${packet.reason} present ${packet.sessionPresent}`);
      if (packet.reason !== 0) {
        run.fault('session faults', `${id}: CONNECT refused with reason ${packet.reason}`);
        dialled.destroy();
        return;
      }
      if (hasSession && !packet.sessionPresent) {
        run.fault('session faults', `${id}: its session is gone (CONNACK says that there is none)`);
      }
      if (endedBy !== null && endedBy === run.serverPid()) {
        run.fault('session faults', `${id}: its connection was closed by a Sonde that goes on running`);
      }
      endedBy = null;
      server = run.serverPid();
      up = true;
      onUp(packet.sessionPresent);
    });
  }

  return {
    isUp: () => up,
    begunMs: () => begunMs,
    send: (bytes) => {
      if (up) socket?.write(bytes);
    },
    come() {
      wanted = true;
      if (timer === null) dial();
    },
    leave(how) {
      wanted = false;
      endedBy = null;
      if (timer !== null) clearTimeout(timer);
      timer = null;
      run.trace(id, how);
      if (how === 'disconnect' && up) socket?.end(DISCONNECT);
      else socket?.destroy();
    },
  };
}

/** Calls back for each whole packet; what cannot be read ends the connection with an exception. */
function readPackets(socket: Socket, level: Level, onPacket: (packet: Packet) => void): void {
  const frame = newFrame();
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (readFrame(bytes, at, bytes.length, frame) === 1) {
      at = frame.bodyEnd;
      onPacket(decodePacket(bytes, frame.firstByte, frame.bodyStart, frame.bodyEnd, level));
    }
    rest = bytes.subarray(at);
  });
}
