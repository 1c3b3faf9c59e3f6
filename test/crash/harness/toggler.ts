import type { Packet } from '../../../src/codec/index.ts';
import { ackBytes, publishBytes, subscribeBytes, unsubscribeBytes } from '../../conformance/client.ts';
import { createPeer, type Peer } from './peer.ts';
import type { Run } from './run-state.ts';

/** A persistent client that subscribes and unsubscribes all the time, and asks after each reconnect which filters stand. */
export type Toggler = {
  readonly peer: Peer;
  readonly pump: (nowMs: number) => void;
  readonly setActive: (active: boolean) => void;
  /** Filters that were looked at so far. */
  readonly looked: () => number;
};

type State = 'on' | 'off' | 'either';

const FILTERS = 4;
const EVERY_MS = 40;
/** A message to itself has come by then, if its filter stands. */
const PROBE_MS = 1500;
/** What should not come has time to come. */
const SURPRISE_MS = 60;

/** `level` 4: what an acknowledged SUBSCRIBE or UNSUBSCRIBE says stands; one that was not acknowledged may stand or not. */
export function createToggler(run: Run, name: string): Toggler {
  const states: State[] = Array.from({ length: FILTERS }, () => 'off');
  let active = true;
  let lastMs = 0;
  let lastId = 0;
  let looked = 0;
  let asked: { readonly filter: number; readonly on: boolean; readonly id: number } | null = null;
  /** Which filters have answered the probe that is under way. */
  let probe: { readonly word: string; readonly seen: Set<number>; readonly sinceMs: number; taken: number } | null =
    null;
  let probes = 0;

  const topicOf = (filter: number): string => `toggle/${filter}`;
  const nextId = (): number => {
    lastId = (lastId % 65_535) + 1;
    return lastId;
  };

  const peer = createPeer(run, {
    id: name,
    level: 4,
    onUp() {
      probes += 1;
      probe = { word: `probe-${probes}`, seen: new Set(), sinceMs: performance.now(), taken: 0 };
      for (let filter = 0; filter < FILTERS; filter++) {
        peer.send(publishBytes(4, topicOf(filter), probe.word, { qos: 1, id: nextId() }));
      }
    },
    onPacket,
    onDown() {
      // Whether the server had it is not known.
      if (asked !== null) states[asked.filter] = 'either';
      asked = null;
      probe = null;
    },
  });

  function onPacket(packet: Packet): void {
    if (packet.type === 'publish') {
      if (packet.qos === 1) peer.send(ackBytes('puback', packet.packetId));
      if (probe === null || packet.payload.toString() !== probe.word) return; // of a probe before the last kill
      probe.seen.add(Number(packet.topic.split('/')[1]));
    }
    if (packet.type === 'puback' && probe !== null) probe.taken += 1;
    if ((packet.type === 'suback' || packet.type === 'unsuback') && packet.packetId === asked?.id) {
      run.trace(name, `${packet.type} ${topicOf(asked.filter)}`);
      states[asked.filter] = asked.on ? 'on' : 'off';
      asked = null;
    }
  }

  function endProbe(): void {
    if (probe === null) return;
    for (let filter = 0; filter < FILTERS; filter++) {
      looked += 1;
      const stands = probe.seen.has(filter);
      if (states[filter] === 'on' && !stands) fault(filter, 'its SUBACK was seen, and it does not stand');
      if (states[filter] === 'off' && stands) fault(filter, 'its UNSUBACK was seen, and it stands still');
    }
    probe = null;
  }

  function fault(filter: number, what: string): void {
    run.fault('subscription faults', `${name}, ${topicOf(filter)}: ${what}`);
    states[filter] = 'either';
  }

  function pump(nowMs: number): void {
    if (!peer.isUp()) return;
    if (probe !== null) {
      const { sinceMs, taken, seen } = probe;
      const complete = taken === FILTERS && states.every((state, filter) => state !== 'on' || seen.has(filter));
      if (nowMs - sinceMs > (complete ? SURPRISE_MS : PROBE_MS)) endProbe();
      return;
    }
    if (!active || asked !== null || nowMs - lastMs < EVERY_MS) return;
    lastMs = nowMs;
    const filter = run.random.below(FILTERS);
    asked = { filter, on: states[filter] !== 'on', id: nextId() };
    peer.send(
      asked.on ? subscribeBytes(4, asked.id, [[topicOf(filter), 1]]) : unsubscribeBytes(4, asked.id, [topicOf(filter)]),
    );
  }

  return {
    peer,
    pump,
    setActive(next) {
      active = next;
    },
    looked: () => looked,
  };
}
