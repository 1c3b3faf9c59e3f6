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

  /**
   * Its peer sends nothing more. What that leads to waits for the turn's end, since ten thousand may say so in one turn of
   * the event loop, which goes on as long as the system reports another: all but a note of it is done later.
   */
  ended(goOn: () => void): void {
    const { turn, meter } = this.core;
    if (meter.work !== 'closing') meter.begin('closing');
    if (!this.readsFirst(goOn, true)) turn.fewATurn(goOn);
  }

  /**
   * Whether its peer is gone before all that it sent was read: `goOn` is called when it is. What waits for room is waited
   * for only where the peer has ended the connection in good order.
   */
  protected readsFirst(goOn: () => void, isOrderly: boolean): boolean {
    const waits =
      this.roomWaiting === null
        ? this.tail !== null && (this.putOff || this.state === 'authenticating')
        : isOrderly && (this.onEnd !== null || mayLinger(this));
    if (!waits) return false;
    if (this.onEnd === null) this.core.lingering += 1;
    this.onEnd = goOn;
    return true;
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

/** Of all connections so many may be of peers that are gone. */
const LINGERING_PART = 0.1;

/**
 * Whether a peer that is gone is waited for until there is room for what it sent last: not where its will has to tell others of
 * it, unless it said good-bye, and not where so many do that nobody else would get in.
 */
function mayLinger({ core, client, roomWaiting }: ConnectionHolds): boolean {
  const isMissed = client !== null && client.will !== null && (roomWaiting?.goodbyeAt ?? -1) < 0;
  return !isMissed && core.lingering < core.limits.maxConnections * LINGERING_PART;
}
