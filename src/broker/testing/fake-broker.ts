import type { Access, Principal } from '../../access/index.ts';
import { ALL_TOPICS } from '../../access/index.ts';
import {
  type LogFields,
  type Logger,
  type ManualClock,
  type MemoryWatermark,
  manualClock,
  type Reached,
  TurnMeter,
} from '../../base/index.ts';
import { createMemoryStore, type Store } from '../../store/index.ts';
import { type Broker, type BrokerLimits, createBroker, type Mqtt5Settings, type QueuePolicy } from '../index.ts';

/** Everybody is let in; the username is the namespace where there is one. */
export const openDoor: Access = {
  authenticate: ({ username }) => ({ ok: true, principal: principalOf(username ?? 'default') }),
  principalOf: ({ world, name }) => principalOf(world, name),
  onRevoked: () => {},
};

export function principalOf(world: string, name = 'anonymous'): Principal {
  return { name, kind: name === 'anonymous' ? 'anonymous' : 'token', world, rules: ALL_TOPICS };
}

export type LoggedLine = { readonly level: string; readonly text: string; readonly fields: LogFields };

export type FakeBroker = {
  readonly broker: Broker;
  readonly clock: ManualClock;
  readonly lines: LoggedLine[];
  readonly wait: (ms: number) => void;
};

/** A broker with a clock that the test moves and a log that it reads. */
export function fakeBroker(
  options: {
    access?: Access;
    /** Unless said, no turn is ever late. */
    meter?: TurnMeter;
    memory?: MemoryWatermark;
    store?: Store;
    limits?: Partial<BrokerLimits>;
    reached?: Reached;
    later?: (work: () => void, ms: number) => void;
    mqtt5?: Partial<Mqtt5Settings>;
    worlds?: string[];
    sharedSubscriptions?: 'fair' | 'sticky';
    queuePolicy?: QueuePolicy;
  } = {},
): FakeBroker {
  const clock = manualClock();
  const lines: LoggedLine[] = [];
  const at = (level: string) => (fields: LogFields, text: string) => void lines.push({ level, text, fields });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const broker = createBroker({
    store: options.store ?? createMemoryStore(),
    access: options.access ?? openDoor,
    clock,
    logger,
    meter: options.meter ?? new TurnMeter({ clock: manualClock() }),
    ...(options.memory ? { memory: options.memory } : {}),
    ...(options.mqtt5 ? { mqtt5: options.mqtt5 } : {}),
    ...(options.later ? { later: options.later } : {}),
    ...(options.reached ? { reached: options.reached } : {}),
    ...(options.limits ? { limits: options.limits } : {}),
    ...(options.sharedSubscriptions ? { sharedSubscriptions: options.sharedSubscriptions } : {}),
    ...(options.queuePolicy ? { queuePolicy: options.queuePolicy } : {}),
    ...(options.worlds ? { worlds: options.worlds } : {}),
  });
  const wait = (ms: number): void => {
    clock.advance(ms);
    broker.tick();
  };
  return { broker, clock, lines, wait };
}
