import type { Random } from '../../fuzz/random.ts';

/** Acknowledgements in their order [MQTT-4.6.0-2], now and then held back for a while. */
export type AckQueue = {
  readonly push: (packet: Uint8Array) => void;
  /** Sends what is due. */
  readonly pump: (nowMs: number) => void;
  /** The connection is gone: what was not sent is not sent on another one. */
  readonly clear: () => void;
};

const MAX_HELD_MS = 400;

/** One push in `holdOneIn` begins a pause; 0: none ever does. */
export function createAckQueue(random: Random, holdOneIn: number, send: (bytes: Uint8Array) => void): AckQueue {
  let waiting: Uint8Array[] = [];
  let heldUntilMs = 0;
  const isHeld = (nowMs: number): boolean => nowMs < heldUntilMs;
  return {
    push(packet) {
      const nowMs = performance.now();
      if (holdOneIn > 0 && !isHeld(nowMs) && random.chance(holdOneIn)) {
        heldUntilMs = nowMs + random.below(MAX_HELD_MS);
      }
      if (waiting.length === 0 && !isHeld(nowMs)) send(packet);
      else waiting.push(packet);
    },
    pump(nowMs) {
      if (waiting.length === 0 || isHeld(nowMs)) return;
      const all = Buffer.concat(waiting);
      waiting = [];
      send(all);
    },
    clear() {
      waiting = [];
      heldUntilMs = 0;
    },
  };
}
