import { Counter, Gauge, type Registry } from 'prom-client';
import { BOUNDS, type Reached } from '../base/index.ts';

/** How much of what is bounded is in use now, where it is not among the broker's own figures. */
export type InUse = {
  readonly waitingConnections: () => number;
  readonly pendingConnections: () => number;
  readonly waitingSignIns: () => number;
  readonly liveTopics: () => number;
  readonly viewers: () => number;
};

const GAUGES: readonly (readonly [name: string, help: string, figure: keyof InUse])[] = [
  [
    'sonde_connections_waiting',
    'Accepted connections that wait to be read for the first time now.',
    'waitingConnections',
  ],
  ['sonde_connections_pending', 'Connections that are read and have not signed in now.', 'pendingConnections'],
  ['sonde_sign_ins_waiting', 'Secrets that wait to be checked now.', 'waitingSignIns'],
  ['sonde_live_topics', 'Topics in the live index now.', 'liveTopics'],
  ['sonde_viewers', 'Connections that watch the live view now.', 'viewers'],
];

const HELP = 'What was refused, slowed down or cut at a bound; the label is its name under limits.';

/** The bounds: how often each was met (`docs/limits.md`), and what is in use. */
export function addLimits(register: Registry, reached: Reached, inUse: InUse): void {
  new Counter({
    name: 'sonde_limit_reached_total',
    help: HELP,
    labelNames: ['bound'],
    registers: [register],
    collect() {
      this.reset();
      for (const bound of BOUNDS) this.inc({ bound }, reached[bound]);
    },
  });
  for (const [name, help, figure] of GAUGES) {
    new Gauge({
      name,
      help,
      registers: [register],
      collect() {
        this.set(inUse[figure]());
      },
    });
  }
}
