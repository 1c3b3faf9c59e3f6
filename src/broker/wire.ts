import type { Remote } from '../access/index.ts';

/** A byte stream to one peer, as the broker needs it; `transport/` has one for each kind of socket. */
export type Wire = {
  readonly remote: Remote;
  /** Bounds of the listener, where they are tighter than those of the whole server. */
  readonly limits?: WireLimits;
  /**
   * Hands buffers to the kernel, in order; the list is only read. True: all is gone, buffers may be used again. False: `onWritten`
   * of the connection is called when it is.
   */
  readonly write: (buffers: readonly Buffer[]) => boolean;
  /** Stops and starts reading; reading is on at first. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Sends what was handed over, then closes. */
  readonly end: () => void;
  /** Closes now. */
  readonly destroy: () => void;
  /** Its client is signed in. */
  readonly signedIn?: () => void;
};

/** In bytes, of whole packets. */
export type WireLimits = {
  /** Largest that is taken. */
  readonly maxPacketBytes?: number;
  /** Largest that is sent: a larger message is left out. */
  readonly maxSentPacketBytes?: number;
};
