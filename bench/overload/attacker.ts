import { connect, type Socket } from 'node:net';
import { encodeConnect, encodePublish, encodeSubscribe } from '../wire/encode.ts';
import { ATTACKS, type AttackName } from './attacks.ts';

/** What an attack has done, for the page. */
export type AttackCount = { readonly connected: number; readonly closed: number; readonly sent: number };

const CHUNK_MESSAGES = 500;
const PAYLOAD = Buffer.alloc(64, 'x');
/** A slow subscriber takes a read this often. */
const SLOW_MS = 100;

/** Plays one attack against the port until it is told to stop. */
export class Attacker {
  connected = 0;
  closed = 0;
  sent = 0;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  readonly #timers: NodeJS.Timeout[] = [];
  #over = false;

  constructor(port: number) {
    this.#port = port;
  }

  begin(name: AttackName): void {
    const clients = ATTACKS.find((attack) => attack.name === name)?.clients ?? 0;
    if (name === 'flood-slow' || name === 'never-reads') {
      this.#subscriber(name === 'flood-slow');
      for (let n = 0; n < clients; n++) this.#flooder(n, () => encodePublish(`flood/${n}`, PAYLOAD, 0, 0));
    } else if (name === 'retained-flood') {
      for (let n = 0; n < clients; n++) {
        let topic = 0;
        this.#flooder(n, () => {
          const packet = encodePublish(`retained/${n}/${topic}`, PAYLOAD, 0, 0);
          topic += 1;
          packet[0] = (packet[0] ?? 0) | 1;
          return packet;
        });
      }
    } else if (name === 'take-overs') {
      for (let n = 0; n < clients; n++) this.#taker();
    } else {
      for (let n = 0; n < clients; n++) this.#comer(name, n);
    }
  }

  end(): AttackCount {
    this.#over = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of this.#sockets) socket.destroy();
    const { connected, closed, sent } = this;
    return { connected, closed, sent };
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1');
    this.#sockets.add(socket);
    socket.on('connect', () => {
      this.connected += 1;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.closed += 1;
    });
    return socket;
  }

  #subscriber(reads: boolean): void {
    const socket = this.#open();
    socket.write(encodeConnect('overload-subscriber'));
    socket.write(encodeSubscribe('flood/#', 0));
    socket.pause();
    if (!reads) return;
    const timer = setInterval(() => {
      socket.once('data', () => socket.pause());
      socket.resume();
    }, SLOW_MS);
    this.#timers.push(timer);
  }

  /** Sends as fast as the socket takes it. */
  #flooder(n: number, next: () => Uint8Array): void {
    const socket = this.#open();
    socket.resume();
    socket.write(encodeConnect(`overload-flooder-${n}`));
    const send = (): void => {
      if (this.#over || socket.destroyed) return;
      const packets = Buffer.concat(Array.from({ length: CHUNK_MESSAGES }, next));
      this.sent += CHUNK_MESSAGES;
      if (socket.write(packets)) setImmediate(send);
      else socket.once('drain', send);
    };
    send();
  }

  /** Takes the one client id over, again and again. */
  #taker(): void {
    if (this.#over) return;
    const socket = this.#open();
    socket.resume();
    socket.write(encodeConnect('overload-disputed'));
    this.sent += 1;
    socket.once('close', () => setTimeout(() => this.#taker(), 5));
  }

  #comer(name: AttackName, n: number): void {
    const socket = this.#open();
    socket.resume();
    const packet = encodeConnect(`overload-comer-${n}`);
    if (name === 'connect-burst') socket.write(packet);
    if (name !== 'byte-a-second') return;
    let at = 0;
    const timer = setInterval(() => {
      if (at < packet.length) socket.write(packet.subarray(at, at + 1));
      at += 1;
    }, 1000);
    this.#timers.push(timer);
    socket.on('close', () => clearInterval(timer));
  }
}
