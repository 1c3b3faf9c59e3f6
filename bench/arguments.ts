import { parseArgs } from 'node:util';

/** What the bench was asked to do. */
export type BenchArguments = {
  readonly mode: Mode;
  readonly help: boolean;
  readonly loads: readonly string[];
  readonly peers: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly workers: number;
  readonly minutes: number;
  /** Messages for `publishes` (of each QoS), points to fill for `queries`. */
  readonly count: number | null;
  /** Folder for results; null: `bench/results`, and nowhere for `--quick`. */
  readonly out: string | null;
  readonly quick: boolean;
  /** Folder with another built Sonde (its `dist/`), to compare builds; null: this repository. */
  readonly sonde: string | null;
  /** A commit of this repository to build and run in turn with this Sonde; null: Mosquitto is the measure. */
  readonly against: string | null;
  /** Leave a CPU profile of each Sonde in this folder. */
  readonly profile: string | null;
  /** What Sonde is told of durability (compare; with `--against` this one only, the older may not know it); null: its default. */
  readonly durability: 'sync' | 'async' | null;
};

export type Mode = 'compare' | 'publishes' | 'queries' | 'soak' | 'durable' | 'overload' | 'restart' | 'retained';

const MODES: readonly Mode[] = [
  'compare',
  'publishes',
  'queries',
  'soak',
  'durable',
  'overload',
  'restart',
  'retained',
];

export const USAGE = `npm run bench -- [compare|publishes|queries|soak|durable|overload|restart|retained] [options]

  compare     Sonde beside Mosquitto, load by load (the default)
  publishes   100,000 messages at QoS 1 and at QoS 0, then all read back from history
  queries     delay of PUBACKs without and with ten year-long queries and an export
  soak        simulated devices for some minutes: memory, and every sample in history
  durable     QoS 1 for a session that is away, kill -9 in the middle of it, start, and all of it delivered
  overload    floods, connect storms and clients that do not read: memory, and what others feel, beside Mosquitto
  restart     1,000,000 queued and 100,000 retained messages: time to start, to read them and to stop, longest turn
  retained    a wildcard over 1,000,000 retained messages: longest turn, memory, and what is published meanwhile

  --loads a,b      only these loads (compare, overload)
  --peers a,b      of mosquitto, mosquitto-nodelay, sonde, sonde-recording (compare), or of those that durable names
  --rounds N       rounds a cell, default 5, with --against 7 (compare), 3 (overload); pairs of phases, default 5 (queries)
  --seconds N      length of a cell, default 2 (compare); of a phase, default 10 (queries, overload); of publishing, default 32 (durable)
  --workers N      generator processes, default 2 (compare)
  --minutes N      length of the soak, default 10
  --count N        messages of each QoS (publishes, default 100000); points of the year (queries, default 2000000);
                   queued messages (restart, default 1000000; a tenth as many are retained); retained ones
                   (retained, default 1000000)
  --quick          a smoke run of about 30 s; writes no result
  --out DIR        folder for the results, default bench/results
  --sonde DIR      run the Sonde built in DIR/dist instead of this repository's
  --against COMMIT that Sonde is the measure instead of Mosquitto (compare); 1 when this one is slower by more than 10 %
  --profile DIR    leave CPU profiles of Sonde there
  --durability D   sync or async, for Sonde (compare; with --against for this one only)
`;

/** Reads the command line. Throws with one sentence for a wrong one. */
export function parseArguments(argv: readonly string[]): BenchArguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      loads: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      workers: { type: 'string' },
      minutes: { type: 'string' },
      count: { type: 'string' },
      out: { type: 'string' },
      sonde: { type: 'string' },
      against: { type: 'string' },
      profile: { type: 'string' },
      durability: { type: 'string' },
    },
  });
  const mode = MODES.find((one) => one === (positionals[0] ?? 'compare'));
  if (mode === undefined || positionals.length > 1)
    throw new Error(`unknown word "${positionals.join(' ')}"; there are ${MODES.join(', ')}`);
  const { quick } = values;
  return {
    mode,
    quick,
    help: values.help,
    loads: listOf(values.loads) ?? (quick && mode === 'compare' ? ['fan-in-q0', 'fan-out-q1', 'pairs-50-q1-w20'] : []),
    peers: listOf(values.peers) ?? (quick && mode === 'compare' ? ['mosquitto', 'sonde'] : []),
    rounds: positive('rounds', values.rounds) ?? defaultRounds(mode, quick, values.against !== undefined),
    seconds: positive('seconds', values.seconds) ?? defaultSeconds(mode, quick),
    workers: positive('workers', values.workers) ?? 2,
    minutes: positive('minutes', values.minutes) ?? (quick ? 0.5 : 10),
    count: positive('count', values.count),
    out: values.out ?? null,
    sonde: values.sonde ?? null,
    against: values.against ?? null,
    profile: values.profile ?? null,
    durability: durabilityOf(values.durability),
  };
}

function durabilityOf(text: string | undefined): 'sync' | 'async' | null {
  if (text === undefined || text === 'sync' || text === 'async') return text ?? null;
  throw new Error(`--durability is sync or async, not "${text}"`);
}

function defaultRounds(mode: Mode, quick: boolean, against: boolean): number {
  if (mode === 'overload') return quick ? 1 : 3;
  if (quick) return 2;
  return against ? 7 : 5;
}

function defaultSeconds(mode: Mode, quick: boolean): number {
  if (mode === 'queries' || mode === 'overload') return quick ? 2 : 10;
  if (mode === 'durable') return quick ? 3 : 32;
  return quick ? 1 : 2;
}

function listOf(text: string | undefined): readonly string[] | null {
  return text === undefined
    ? null
    : text
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== '');
}

function positive(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} wants a number above 0, not "${text}"`);
  return value;
}
