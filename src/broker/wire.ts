import type { Remote } from '../access/index.ts';

/** A byte stream to one peer, as the broker needs it; `transport/` has one for each kind of socket. */
export type Wire = {
  readonly remote: Remote;
  /**
   * Hands buffers to the kernel, in order. True: all is gone, the buffers may be used again at once. False: `onWritten`
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
};
