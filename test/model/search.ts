import type { Filtered, Found, Search, Subscription } from './state.ts';
import { type Delivery, isSame, type Link, type Message, matches, type Published, type Qos } from './state.ts';

/** A SUBSCRIBE's search for retained messages: they come at the client's pace, and may change until they do. */
export function newSearch(filter: Filtered['filter'], subscription: Subscription, retained: Iterable<Message>): Search {
  const due = [...retained].filter(({ topic }) => matches(filter, topic));
  const found = due.map((message): [string, Found] => [message.topic, { versions: [message], must: true }]);
  return { filter, subscription, found: new Map(found) };
}

/** A retained message was set, or removed. */
export function changed({ filter, found }: Search, message: Message): void {
  const known = found.get(message.topic);
  if (known && message.payload === '') Object.assign(known, { must: false, wasRemoved: true });
  else if (known) known.versions.push(message);
  else if (matches(filter, message.topic)) found.set(message.topic, { versions: [message], must: false });
}

/** From now on only what is retained now may come. */
export function refresh({ found }: Search, retained: ReadonlyMap<string, Message>): void {
  for (const [topic, { must }] of found) {
    const now = retained.get(topic);
    if (now) found.set(topic, { versions: [now], must });
    else found.delete(topic);
  }
}

/**
 * The retained message that a PUBLISH is, once [MQTT-3.3.1-9]; none: it is no such message. One filter's are sent after
 * another's, so it is of the first filter that still has some to come; QoS 0 goes before QoS 2 that waits for the disk, and
 * QoS 1 behind that. Where it may also be of a later one it is one of several, and all may go on to have it.
 */
export function takeRetained(link: Link, packet: Published, nowS: number): Delivery[] {
  const candidates: { readonly search: Search; readonly delivery: Delivery }[] = [];
  for (const search of link.session.searches) {
    const delivery = find(search, link, packet, nowS);
    if (delivery) candidates.push({ search, delivery });
    const isOvertaken = ({ must, versions }: Found): boolean =>
      must && !(packet.qos === 0 && search.subscription.qos > 0 && versions.some(({ qos }) => qos > 0));
    if ([...search.found.values()].some(isOvertaken)) break;
  }
  const [first, second] = candidates;
  const isOver = first && !second && !first.search.found.get(packet.topic)?.wasRemoved;
  if (isOver) first.search.found.delete(packet.topic);
  else for (const { search } of candidates) (search.found.get(packet.topic) as Found).must = false;
  return candidates.map(({ delivery }) => delivery);
}

function find({ subscription, found }: Search, link: Link, packet: Published, nowS: number): Delivery | null {
  for (const message of found.get(packet.topic)?.versions ?? []) {
    const qos = Math.min(message.qos, subscription.qos) as Qos;
    const identifiers = subscription.identifier === null ? [] : [subscription.identifier];
    const delivery = { message, qos, retain: true, identifiers };
    if (isSame(link, delivery, packet, nowS)) return delivery;
  }
  return null;
}
