import type { Damage } from '../../../src/store/index.ts';
import { QUEUES, type StoreText, TABLES } from './store-state.mjs';

type Op =
  | readonly ['append', number, string, readonly string[]]
  | readonly ['ack' | 'through', string, number]
  | readonly ['sent', string, number, number]
  | readonly ['drop', string]
  | readonly ['remove', string, string]
  | readonly ['put', string, string, string];

type Mark =
  | { readonly is: 'begin' | 'closed' }
  | { readonly is: 'opened'; readonly state: StoreText; readonly damage: readonly Damage[] }
  | { readonly is: 'run'; readonly ops: readonly Op[] }
  | { readonly is: 'commit' | 'durable'; readonly number: number };

/** What a store may be after a power cut now. */
export type Promises = {
  readonly take: (mark: string) => void;
  /** Null: it is as it was after one of the groups of changes that were made since the last promise; else what is wrong. */
  readonly judge: (state: StoreText) => string | null;
  /** Queue entries and values that are promised now. */
  readonly promised: () => number;
  /** The greatest number that a message has been given. */
  readonly lastNumber: () => number;
  /** What a life itself found wrong when it began. */
  readonly faults: readonly string[];
};

/** A store that is empty, or is as another one may be. */
export function createPromises(before: (Promises & { readonly states: readonly string[] }) | null = null) {
  /** As text, the last promised one first, and all that came since. */
  let states: string[] = before === null ? [textOf(emptyState())] : [...before.states];
  let state: StoreText = emptyState();
  let committed = new Map<number, number>();
  let lastNumber = before?.lastNumber() ?? 0;
  const faults: string[] = [];

  /** Nothing older than this one is right any more. */
  function promise(index: number): void {
    if (index <= 0) return;
    states = states.slice(index);
    committed = new Map([...committed].map(([number, at]) => [number, at - index]));
  }

  return {
    faults,
    get states(): readonly string[] {
      return states;
    },
    lastNumber: () => lastNumber,
    promised: () => {
      const { queues, tables } = JSON.parse(states[0] as string) as StoreText;
      const count = (all: Record<string, object>): number =>
        Object.values(all).reduce((sum, one) => sum + Object.keys(one).length, 0);
      return count(queues) + count(tables);
    },
    judge: (found: StoreText) => {
      if (states.includes(textOf(found))) return null;
      return differenceOf(JSON.parse(states.at(-1) as string) as StoreText, found);
    },
    take(text: string) {
      const mark = JSON.parse(text) as Mark;
      switch (mark.is) {
        case 'opened': {
          const index = states.indexOf(textOf(mark.state));
          if (mark.damage.length > 0) faults.push(`a life began with damage: ${JSON.stringify(mark.damage)}`);
          if (index < 0) faults.push(`a life began otherwise: ${this.judge(mark.state)}`);
          // What a start has found is told to others at once: it is a promise too.
          states = [textOf(mark.state)];
          committed = new Map();
          state = mark.state;
          break;
        }
        case 'run':
          state = structuredClone(state);
          for (const op of mark.ops) {
            if (op[0] === 'append') lastNumber = Math.max(lastNumber, op[1]);
            apply(state, op);
          }
          states.push(textOf(state));
          break;
        case 'commit':
          committed.set(mark.number, states.length - 1);
          break;
        case 'durable':
          promise(committed.get(mark.number) ?? 0);
          break;
        case 'closed':
          promise(states.length - 1);
          break;
        default:
      }
    },
  };
}

function emptyState(): StoreText {
  const none = <T>(names: readonly string[], make: () => T) => Object.fromEntries(names.map((name) => [name, make()]));
  return {
    queues: none(QUEUES, () => []),
    inFlight: none(QUEUES, () => []),
    ackedThrough: 0,
    tables: none(TABLES, () => ({})),
  };
}

const numberOf = (text: string): number => Number(text.split(' ')[0]);

function apply(state: StoreText, op: Op): void {
  const drop = (name: string, isGone: (number: number) => boolean): void => {
    for (const lists of [state.queues, state.inFlight]) {
      lists[name] = (lists[name] ?? []).filter((text) => !isGone(numberOf(text)));
    }
  };
  switch (op[0]) {
    case 'append':
      for (const name of op[3]) state.queues[name]?.push(op[2]);
      break;
    case 'ack':
      drop(op[1], (number) => number === op[2]);
      break;
    case 'through':
      drop(op[1], (number) => number <= op[2]);
      state.ackedThrough = Math.max(state.ackedThrough, op[2]);
      break;
    case 'sent': {
      const [, name, number, packetId] = op;
      const others = (state.inFlight[name] ?? []).filter((text) => numberOf(text) !== number);
      const all = [...others, `${number} as ${packetId} QoS 1`];
      state.inFlight[name] = all.sort((a, b) => numberOf(a) - numberOf(b));
      break;
    }
    case 'drop':
      drop(op[1], () => true);
      break;
    case 'remove':
      delete state.tables[op[1]]?.[op[2]];
      break;
    case 'put':
      (state.tables[op[1]] as Record<string, string>)[op[2]] = op[3];
      break;
  }
}

function textOf({ queues, inFlight, ackedThrough, tables }: StoreText): string {
  const sorted = Object.entries(tables).map(([table, values]) => [
    table,
    Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))),
  ]);
  return JSON.stringify({ queues, inFlight, ackedThrough, tables: Object.fromEntries(sorted) });
}

/** For people: what is there and should not be, and the other way round, of the newest state that was right. */
function differenceOf(wanted: StoreText, found: StoreText): string {
  const lines = (state: StoreText): string[] => [
    ...Object.entries(state.queues).flatMap(([name, list]) => list.map((text) => `${name}: ${text}`)),
    ...Object.entries(state.inFlight).flatMap(([name, list]) => list.map((text) => `${name} in flight: ${text}`)),
    ...Object.entries(state.tables).flatMap(([name, all]) =>
      Object.entries(all).map(([key, value]) => `${name} ${key} = ${value.slice(0, 12)}`),
    ),
    `acked through ${state.ackedThrough}`,
  ];
  const [a, b] = [lines(wanted), lines(found)];
  const missing = a.filter((line) => !b.includes(line));
  const more = b.filter((line) => !a.includes(line));
  return `missing: ${missing.slice(0, 5).join('; ') || '-'} (${missing.length}); too much: ${more.slice(0, 5).join('; ') || '-'} (${more.length})`;
}
