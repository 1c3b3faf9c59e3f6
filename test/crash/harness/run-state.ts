import { appendFileSync } from 'node:fs';
import type { Random } from '../../fuzz/random.ts';

export const FAULTS = [
  'lost',
  'QoS 2 duplicates',
  'order faults',
  'history gaps',
  'history duplicates',
  'QoS 0 gaps',
  'retained faults',
  'session faults',
  'subscription faults',
  'start faults',
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** What all who take part in one run share. */
export type Run = {
  readonly mqttPort: number;
  readonly random: Random;
  readonly fault: (kind: FaultKind, text: string) => void;
  /** A line for whoever looks for a cause; kept only when asked for. */
  readonly trace: (who: string, what: string) => void;
  /** The cycle that is under way, from 1 on. */
  readonly cycle: () => number;
  /** What Sonde did last, for the lines of faults. */
  readonly lastKill: () => string;
  /** Of the Sonde that runs and was not told to end; null: there is none. */
  readonly serverPid: () => number | null;
};

export type RunState = Run & {
  readonly faults: ReadonlyMap<FaultKind, readonly string[]>;
  readonly count: (what: FaultKind) => number;
  readonly beginCycle: (cycle: number, kill: string) => void;
  readonly flush: () => void;
};

/** Faults of one kind that are kept with their words; all are counted. */
const KEPT = 200;

export function newRunState(
  mqttPort: number,
  random: Random,
  traceFile: string | null,
  serverPid: () => number | null,
): RunState {
  const faults = new Map<FaultKind, string[]>();
  const counts = new Map<FaultKind, number>();
  const since = performance.now();
  let lines: string[] = [];
  let cycle = 0;
  let kill = 'before the first kill';
  const flush = (): void => {
    if (traceFile !== null && lines.length > 0) appendFileSync(traceFile, `${lines.join('\n')}\n`);
    lines = [];
  };
  const trace = (who: string, what: string): void => {
    if (traceFile === null) return;
    lines.push(`${(performance.now() - since).toFixed(2)} ${cycle} ${who} ${what}`);
    if (lines.length > 2000) flush();
  };
  return {
    mqttPort,
    random,
    serverPid,
    faults,
    trace,
    flush,
    cycle: () => cycle,
    lastKill: () => kill,
    count: (what) => counts.get(what) ?? 0,
    fault(what, text) {
      const line = `cycle ${cycle} (${kill}): ${text}`;
      trace('FAULT', `${what}: ${line}`);
      counts.set(what, (counts.get(what) ?? 0) + 1);
      const known = faults.get(what) ?? [];
      faults.set(what, known);
      if (known.length < KEPT) known.push(line);
    },
    beginCycle(next, nextKill) {
      cycle = next;
      kill = nextKill;
      trace('CYCLE', `${next} ${nextKill}`);
    },
  };
}
