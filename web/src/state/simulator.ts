import { SIMULATED_PERIOD_MS, simulatedSamples } from '../model/simulated-device.ts';
import type { Link } from '../net/link.ts';
import { createCell } from './frame.ts';

/** The simulated device of this page: runs while the page is open, and publishes over the page's connection. */
export type Simulator = {
  readonly state: { readonly get: () => SimulatorState; readonly subscribe: (listener: () => void) => () => void };
  readonly start: () => void;
  readonly stop: () => void;
};

export type SimulatorState = { readonly running: boolean; readonly sent: number; readonly fault: string };

const STOPPED: SimulatorState = { running: false, sent: 0, fault: '' };

export function createSimulator(link: Link, random: () => number = Math.random): Simulator {
  const state = createCell<SimulatorState>(STOPPED);
  let timer: ReturnType<typeof setInterval> | undefined;
  let startedMs = 0;

  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    state.set({ ...state.get(), running: false });
  };

  const send = async (): Promise<void> => {
    const samples = simulatedSamples((performance.now() - startedMs) / 1000, random);
    // QoS 0 as the device does. While the connection is away its samples are lost, as a device's would be.
    const sent = await Promise.allSettled(samples.map((sample) => link.publish({ ...sample, qos: 0, retain: false })));
    const failed = sent.find((result) => result.status === 'rejected');
    const fault = failed === undefined ? '' : String((failed.reason as Error).message);
    const before = state.get();
    state.set({ ...before, sent: before.sent + sent.filter((result) => result.status === 'fulfilled').length, fault });
  };

  return {
    state,
    stop,
    start: () => {
      if (timer !== undefined) return;
      startedMs = performance.now();
      state.set({ running: true, sent: 0, fault: '' });
      void send();
      timer = setInterval(() => void send(), SIMULATED_PERIOD_MS);
    },
  };
}
