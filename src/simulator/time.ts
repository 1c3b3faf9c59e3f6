/** The time that a device lives in; a test gives its own. */
export type DeviceTime = {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  /** Resolves after `ms`, or at once when the signal is aborted; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** The machine's time. */
export const systemTime: DeviceTime = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted || ms <= 0) {
        // A full turn, so that a device that is behind does not keep the process from everything else.
        setImmediate(resolve);
        return;
      }
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener('abort', wake);
    }),
};
