// One life of a store that is recorded: opens it, changes it, says in marks what it did and what it was promised, and is killed, or closes.
import { openSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { entryText, payloadOf, QUEUES, stateOf, TABLES } from './store-state.mjs';

/** @type {{ dist: string, folder: string, marks: string, seed: number, runs: number, end: 'kill' | 'close' }} */
const { dist, folder, marks, seed, runs, end } = JSON.parse(process.argv[2] ?? '{}');
/** @param {string} room */
const load = (room) => import(String(pathToFileURL(`${dist}/${room}/index.js`)));
const { openDiskStore } = await load('store');
const { silentLogger, systemClock } = await load('base');

const marksFd = openSync(marks, 'a');
/** @param {unknown} said */
const mark = (said) => writeSync(marksFd, JSON.stringify(said));

let random = seed >>> 0;
/** @param {number} bound */
const below = (bound) => {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((random / 2 ** 32) * bound);
};
/** @template T @param {readonly T[]} from */
const pick = (from) => /** @type {T} */ (from[below(from.length)]);

mark({ is: 'begin' });
const store = await openDiskStore({
  folder,
  clock: systemClock(),
  logger: silentLogger,
  durability: 'sync',
  segmentBytes: 16 * 1024,
  tableMs: below(3) * 4,
});
const found = await stateOf(store);
mark({ is: 'opened', state: found, damage: store.damage });
/** Numbers that each queue holds. @type {Map<string, number[]>} */
const held = new Map(
  QUEUES.map((name) => [name, (found.queues[name] ?? []).map((text) => Number(text.split(' ')[0]))]),
);

let tag = below(1e6);
let commits = 0;
/** @type {Promise<void>[]} */
const waiting = [];
for (let run = 0; run < runs; run++) {
  const ops = Array.from({ length: 1 + below(6) }, change).filter((op) => op !== null);
  mark({ is: 'run', ops });
  // Some runs are not committed at once: what the store does by itself may come between.
  if (below(5) === 0) await new Promise((resolve) => setTimeout(resolve, below(4)));
  else {
    const number = ++commits;
    mark({ is: 'commit', number });
    const done = store.commit();
    if (done !== null) waiting.push(done.then(() => void mark({ is: 'durable', number })));
  }
  if (waiting.length > below(4)) await Promise.all(waiting.splice(0));
}
if (end === 'kill') {
  setTimeout(() => writeSync(marksFd, 'die'), below(4));
  await new Promise(() => {});
}
await store.close();
mark({ is: 'closed' });

/** Does one thing to the store; answers what. */
function change() {
  const name = pick(QUEUES);
  const queue = store.openQueue(name);
  const numbers = held.get(name) ?? [];
  const what = below(100);
  if (what < 45) {
    const names = [...new Set([name, pick(QUEUES)])];
    const targets = names.map((each) => ({
      queue: store.openQueue(each),
      maxQos: 1,
      retainAsPublished: false,
      subscriptionIdentifiers: [],
    }));
    tag += 1;
    const payload = payloadOf(tag, below(20) === 0 ? 3000 + below(3000) : 1 + below(700));
    const message = {
      world: 0,
      topic: `t/${tag}`,
      payload,
      qos: 1,
      retain: false,
      properties: null,
      arrivedUs: 1,
      expiresAtMs: null,
    };
    const number = store.append(message, targets);
    for (const each of names) held.get(each)?.push(number);
    return ['append', number, entryText(number, message.topic, payload), names];
  }
  if (what < 65) {
    // The first entries stay for long: their segments have to be cleaned.
    if (numbers.length < 8) return null;
    const [number] = numbers.splice(below(10) === 0 ? 0 : 3 + below(numbers.length - 3), 1);
    store.ack(queue, number);
    return ['ack', name, number];
  }
  if (what < 70) {
    const recorded = held.get('recorder') ?? [];
    if (recorded.length < 4) return null;
    const number = recorded[recorded.length - 3];
    held.set('recorder', recorded.slice(-2));
    store.ackThrough(store.openQueue('recorder'), number);
    return ['through', 'recorder', number];
  }
  if (what < 76) {
    if (numbers.length === 0 || name === 'recorder') return null;
    const number = pick(numbers);
    const packetId = 1 + below(1000);
    store.sent(queue, { number, holder: queue, packetId, qos: 1 });
    return ['sent', name, number, packetId];
  }
  if (what < 77) {
    if (name === 'recorder') return null;
    store.dropQueue(queue);
    held.set(name, []);
    return ['drop', name];
  }
  const table = pick(TABLES);
  const key = `0/key-${below(40)}`;
  if (what < 84) {
    store.remove(table, key);
    return ['remove', table, key];
  }
  const value = `${++tag} `.repeat(1 + below(60));
  store.put(table, key, Buffer.from(value));
  return ['put', table, key, value];
}
