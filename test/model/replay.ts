import { fakeBroker } from '../../src/broker/testing/fake-broker.ts';
import { FakeDevice, settled } from '../../src/broker/testing/fake-device.ts';
import { EMPTY_PROPERTIES, type Properties } from '../../src/codec/index.ts';
import { type Action, CLIENTS } from './actions.ts';
import { createModel, type Model } from './model.ts';
import type { Link } from './state.ts';

/** Small, so that windows are full soon. */
const WINDOW = 3;
const NEVER = 0xffffffff;
const NOBODYS_ID = 999;

/** Does the same with a real broker and with the model, and throws where they differ. */
export async function replay(actions: readonly Action[]): Promise<void> {
  const { broker, clock } = fakeBroker({ limits: { maxInflight: WINDOW } });
  const model = createModel();
  const devices = new Map<Link, FakeDevice>();
  let serial = 0;
  let isTickDue = false;

  async function settle(): Promise<void> {
    await settled();
    for (const [link, device] of devices) {
      for (const packet of device.received.splice(0)) model.saw(link, packet);
    }
    model.settled();
    for (const [link, device] of devices) {
      if (device.closed === link.isOpen) throw new Error(`${link.session.who} is ${device.closed ? '' : 'not '}closed`);
      if (!link.isOpen) devices.delete(link);
    }
  }

  async function tick(): Promise<void> {
    isTickDue = false;
    broker.tick();
    model.tick();
    await settle();
  }

  /** The broker's last look at the clock is due when time goes on again. */
  async function wait(seconds: number): Promise<void> {
    await settle();
    for (let n = 0; n < seconds; n++) {
      if (isTickDue) await tick();
      clock.advance(1000);
      model.second();
      isTickDue = true;
    }
  }

  async function perform(action: Action): Promise<void> {
    if (action.do === 'wait') {
      await wait(action.seconds);
      if (!action.isBetween) await tick();
      return;
    }
    const before = model.linkOf(action.who);
    // What was on its way when a connection ended, or a message was acknowledged a second time, no model could know.
    const { searches = [], again = [] } = before?.session ?? {};
    if (searches.length > 0 || (again.length > 0 && action.do === 'acknowledge')) await settle();
    if (action.do === 'connect') {
      const device = new FakeDevice(broker, action.version);
      devices.set(connect(model, device, action, `${++serial}`), device);
      return;
    }
    // What it sends behind such a CONNECT has its effect when others have done what they do in the same turn.
    const isUnread = before?.endedOne && before.answers.some((answer) => answer.startsWith('connack'));
    if (isUnread && action.do !== 'drop') await settle();
    const link = model.linkOf(action.who);
    const device = link && devices.get(link);
    if (link && device) actWith(model, link, device, action, `${++serial}`);
  }

  try {
    for (const action of [...actions, ...EPILOGUE]) {
      await perform(action);
      if (!action.hurry) await settle();
    }
  } finally {
    await broker.close();
  }
}

function connect(model: Model, device: FakeDevice, action: Extract<Action, { do: 'connect' }>, payload: string): Link {
  const { who, version, clean, keepAliveS, will } = action;
  const five = version === 5;
  const expiryS = five ? action.expiryS : clean ? 0 : NEVER;
  const receiveMaximum = five ? action.receiveMaximum : null;
  const delayS = five ? (will?.delayS ?? 0) : 0;
  const { qos = 0, retain = false } = will ?? {};
  const message = will && { topic: `will/${who}`, payload, qos, retain, expiresAtS: Infinity };
  device.connect({
    clientId: who,
    clean,
    keepAlive: keepAliveS,
    will: message && {
      topic: message.topic,
      qos,
      retain,
      payload: Buffer.from(payload),
      properties: delayS > 0 ? { willDelayInterval: delayS } : EMPTY_PROPERTIES,
    },
    properties: {
      ...(five && expiryS > 0 ? { sessionExpiryInterval: expiryS } : {}),
      ...(receiveMaximum === null ? {} : { receiveMaximum }),
    },
  });
  const window = Math.min(receiveMaximum ?? WINDOW, WINDOW);
  return model.connect(who, { version, clean, expiryS, keepAliveS, window, will: message && { message, delayS } });
}

type Connected = Exclude<Action, { do: 'connect' | 'wait' }>;

/** The same deed with the device and with the model. */
function actWith(model: Model, link: Link, device: FakeDevice, action: Connected, payload: string): void {
  const properties: Properties = EMPTY_PROPERTIES;
  const five = link.version === 5;
  if (action.do !== 'drop') model.heard(link);
  switch (action.do) {
    case 'drop':
      model.lose(link);
      device.drop();
      break;
    case 'disconnect': {
      const expiryS = five ? action.expiryS : null;
      const withWill = five && action.withWill;
      const own = expiryS === null ? properties : { sessionExpiryInterval: expiryS };
      model.disconnect(link, withWill, expiryS);
      device.send({ type: 'disconnect', reason: withWill ? 4 : 0, properties: own });
      break;
    }
    case 'subscribe': {
      const plain = { noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
      const filters = five ? action.filters : action.filters.map((entry) => ({ ...entry, ...plain }));
      const identifier = five ? action.identifier : null;
      const own = identifier === null ? properties : { subscriptionIdentifiers: [identifier] };
      model.subscribe(link, 7, filters, identifier);
      device.send({ type: 'subscribe', packetId: 7, properties: own, subscriptions: filters });
      break;
    }
    case 'unsubscribe':
      model.unsubscribe(link, 8, action.filter);
      device.send({ type: 'unsubscribe', packetId: 8, properties, filters: [action.filter] });
      break;
    case 'publish': {
      const { topic, qos, retain, id } = action;
      const text = action.isEmpty ? '' : payload;
      const expiryS = five ? (action.messageExpiryS ?? null) : null;
      const own = expiryS === null ? properties : { messageExpiryInterval: expiryS };
      model.publish(link, { topic, payload: text, qos, retain }, id, expiryS ?? Infinity);
      const packetId = qos === 0 ? -1 : id;
      device.send({
        type: 'publish',
        topic,
        payload: Buffer.from(text),
        qos,
        retain,
        dup: false,
        packetId,
        properties: own,
      });
      break;
    }
    case 'release':
      model.release(link, action.id);
      device.send({ type: 'pubrel', packetId: action.id, reason: 0, properties });
      break;
    case 'acknowledge': {
      const flight = link.session.inflight[action.nth];
      const type = action.with === 'next' ? (flight?.awaits ?? 'puback') : action.with;
      const reason = five && type === 'pubrec' && action.isRefused ? 0x80 : 0;
      const packetId = flight?.id ?? NOBODYS_ID;
      model.acknowledge(link, type, packetId, reason);
      device.send({ type, packetId, reason, properties });
      break;
    }
    case 'ping':
      link.answers.push('pingresp');
      device.send({ type: 'pingreq' });
      break;
  }
}

/** At the end everybody comes back and acknowledges, until nothing waits any more: what was hidden shows. */
const EPILOGUE: readonly Action[] = CLIENTS.flatMap((who): Action[] => {
  const calm = { version: 5, clean: false, expiryS: 30, keepAliveS: 0, receiveMaximum: null, will: null } as const;
  const next = { who, do: 'acknowledge', nth: 0, with: 'next', isRefused: false } as const;
  return [{ who, do: 'connect', ...calm }, ...Array.from({ length: 60 }, () => next)];
});
