import { ConnectionFields } from './connection-fields.ts';

/**
 * Why a peer is not read now: receivers that are behind, no room in the store, a sign-in under way, answers that it does not
 * take. Each reason holds once and lets go once; it is read while there is none.
 */
export class ConnectionHolds extends ConnectionFields {
  #holds = 0;

  /** Its peer is not read now, on our account. */
  get held(): boolean {
    return this.#holds > 0;
  }

  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.wire.pause();
  }

  unhold(): void {
    this.#holds -= 1;
    if (this.#holds > 0 || this.state === 'closed') return;
    // It may have sent what we did not read: its keep-alive begins anew.
    this.lastPacketMs = Math.trunc(this.core.clock.monotonicMs());
    this.wire.resume();
  }

  /** Its peer sends nothing more. When ten thousand say so at once, most of them have to wait for a turn. */
  ended(goOn: () => void): void {
    const { turn, meter } = this.core;
    if (meter.work !== 'closing') meter.begin('closing');
    if (this.roomWaiting !== null)
      this.onEnd = goOn; // what it sent before waits
    else if (turn.isLate()) turn.fewATurn(goOn);
    else goOn();
  }

  /**
   * Deliveries to it stop at `maxOutputBytes`; beyond twice that are the answers to its own packets, which would go on
   * without end.
   */
  checkUnread(): void {
    if (this.unread || this.state === 'closed') return;
    if (this.output.bytes <= this.core.limits.maxOutputBytes * 2) return;
    this.unread = true;
    this.hold();
  }

  protected checkRead(): void {
    if (!this.unread || this.output.bytes > this.core.limits.maxOutputBytes) return;
    this.unread = false;
    this.unhold();
  }
}
