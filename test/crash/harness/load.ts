import type { Random } from '../../fuzz/random.ts';
import { createReceipts, type Receipts, type Stream } from './ledger.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import type { Run } from './run-state.ts';
import { createSubscriber, type Subscriber } from './subscriber.ts';
import { createToggler, type Toggler } from './toggler.ts';

/** All clients of a run. */
export type Load = {
  readonly publishers: readonly Publisher[];
  readonly retainers: readonly Publisher[];
  readonly subscribers: readonly Subscriber[];
  /** Who gets messages for itself, and each group as one. */
  readonly receipts: readonly Receipts[];
  readonly toggler: Toggler;
  /** Publishes nothing new. */
  readonly quiet: () => void;
  /** Some subscribers go, some come back. */
  readonly shuffle: (random: Random) => void;
  readonly everybodyComes: () => void;
  readonly everybodyLeaves: () => void;
  readonly stop: () => void;
};

const PUMP_MS = 4;
const RETAINED_TOPICS = 5;
/** Of the one that stays away: it comes back once in so many cycles. */
const AWAY_CYCLES = 40;
const LARGE = 6000;

/** `rate` 1: about 1,300 messages a second. */
export function createLoad(run: Run, rate: number): Load {
  const publisher = (name: string, qos: 0 | 1 | 2, level: 4 | 5, perSecond: number, more: object = {}): Publisher =>
    createPublisher(run, {
      name,
      topic: `load/${name}`,
      qos,
      level,
      perSecond: perSecond * rate,
      resends: true,
      window: qos === 2 ? 60 : 200,
      ...more,
    });
  const publishers = [
    publisher('qos1', 1, 4, 250),
    publisher('qos1-v5', 1, 5, 200),
    publisher('qos1-forgets', 1, 4, 150, { resends: false }),
    publisher('qos1-large', 1, 4, 40, { pad: LARGE }),
    publisher('qos2', 2, 4, 150),
    publisher('qos2-v5', 2, 5, 120),
    publisher('qos0', 0, 4, 200, { resends: false }),
    publisher('qos0-v5', 0, 5, 150, { resends: false }),
  ];
  const retainers = Array.from({ length: RETAINED_TOPICS }, (_, n) =>
    publisher(`retainer-${n}`, 1, n % 2 === 0 ? 4 : 5, 12, { topic: `retained/${n}`, retain: true, window: 20 }),
  );
  const streams = new Map<string, Stream>(publishers.map(({ stream }) => [stream.topic, stream]));

  const receipts: Receipts[] = [];
  const subscribers: Subscriber[] = [];
  function join(name: string, level: 4 | 5, filter: string, of: Receipts, holdOneIn: number): void {
    if (!receipts.includes(of)) receipts.push(of);
    subscribers.push(
      createSubscriber(run, { name, level, filter, receipts: of, holdOneIn }, (topic) => streams.get(topic)),
    );
  }
  const alone = (name: string, level: 4 | 5, qos: 1 | 2, holdOneIn: number): void =>
    join(name, level, 'load/#', createReceipts(run, name, qos, true), holdOneIn);
  alone('sub-qos1', 4, 1, 300);
  alone('sub-qos1-v5', 5, 1, 0);
  alone('sub-qos2', 4, 2, 300);
  alone('sub-qos2-v5', 5, 2, 300);
  alone('sub-away', 4, 2, 0);
  const group1 = createReceipts(run, 'group of QoS 1', 1, false);
  const group2 = createReceipts(run, 'group of QoS 2', 2, false);
  for (const level of [4, 5, 4] as const) {
    const member = subscribers.length;
    join(`member-${member}`, level, '$share/one/load/#', group1, 400);
    join(`member-${member + 1}`, level, '$share/two/load/#', group2, 400);
  }
  const toggler = createToggler(run, 'toggler');

  const timer = setInterval(() => {
    const nowMs = performance.now();
    for (const one of publishers) one.pump(nowMs);
    for (const one of retainers) one.pump(nowMs);
    for (const one of subscribers) one.pump(nowMs);
    toggler.pump(nowMs);
  }, PUMP_MS);

  const peers = [...publishers, ...retainers, ...subscribers, toggler].map(({ peer }) => peer);
  let shuffles = 0;
  return {
    publishers,
    retainers,
    subscribers,
    receipts,
    toggler,
    quiet() {
      for (const one of [...publishers, ...retainers]) one.setActive(false);
      toggler.setActive(false);
    },
    shuffle(random) {
      shuffles += 1;
      for (const { name, peer } of subscribers) {
        const isAway = name === 'sub-away' ? shuffles % AWAY_CYCLES !== 0 : random.chance(4);
        if (isAway) peer.leave(random.chance(2) ? 'disconnect' : 'cut');
        else peer.come();
      }
    },
    everybodyComes() {
      for (const peer of peers) peer.come();
    },
    everybodyLeaves() {
      for (const peer of peers) peer.leave('disconnect');
    },
    stop: () => clearInterval(timer),
  };
}
