// What a store says of itself, as text that can be compared: by the program that is recorded and by whoever looks at what is left of it.

/** The queues that there may be. */
export const QUEUES = ['recorder', '0/plant', '0/school', 'shared/0/$share/group/a/#'];
export const TABLES = /** @type {const} */ (['session', 'subscription', 'retained', 'exchange']);

/**
 * @typedef {object} StoreText
 * @property {Record<string, string[]>} queues each entry in its order
 * @property {Record<string, string[]>} inFlight
 * @property {number} ackedThrough of the recorder
 * @property {Record<string, Record<string, string>>} tables
 */

/**
 * @param {number} number
 * @param {string} topic
 * @param {Uint8Array} payload
 */
export const entryText = (number, topic, payload) => `${number} ${topic} ${payload.length}x${payload[0] ?? 0}`;

/** The payload that a message with this tag has, so that one that is damaged is seen.
 * @param {number} tag
 * @param {number} size */
export const payloadOf = (tag, size) => Buffer.alloc(size, tag & 0xff);

/**
 * Opens every queue: those that were not there are empty ones.
 * @param {import('../../../src/store/index.ts').Store} store
 * @returns {Promise<StoreText>}
 */
export async function stateOf(store) {
  /** @type {StoreText} */
  const state = { queues: {}, inFlight: {}, ackedThrough: 0, tables: {} };
  for (const table of TABLES) {
    /** @type {Record<string, string>} */
    const values = {};
    for await (const [key, value] of store.entries(table)) values[key] = Buffer.from(value).toString();
    state.tables[table] = Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  for (const name of QUEUES) {
    const queue = store.openQueue(name);
    const entries = await store.read(queue, 0, 1e9, 1e12);
    state.queues[name] = entries.map(({ number, message }) => entryText(number, message.topic, message.payload));
    for (const { message } of entries) {
      if (message.payload.some((byte) => byte !== message.payload[0])) throw new Error(`${message.topic} is damaged`);
    }
    const sent = [...store.inFlight(queue)].sort((a, b) => a.number - b.number);
    state.inFlight[name] = sent.map(({ number, packetId, qos }) => `${number} as ${packetId} QoS ${qos}`);
    if (name === 'recorder') state.ackedThrough = store.ackedThrough(queue);
  }
  return state;
}
