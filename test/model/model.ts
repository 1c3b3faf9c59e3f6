import type { Packet } from '../../src/codec/index.ts';
import { createGroups } from './groups.ts';
import { changed, newSearch, refresh, takeRetained } from './search.ts';
import type { Connecting, Delivery, Filtered, Flight, Link, Message, Published, Qos, Session } from './state.ts';
import { answerOf, isSame, matches, newSession, said, stateOf } from './state.ts';

/**
 * What a broker is, in a page: sessions with subscriptions, a queue, what is in flight and a will; retained messages; time
 * in whole seconds. Clients' actions change it at once; what the real broker sends is shown to `saw`, which accepts what
 * may come now; `settled` says what should have come by now and did not. The order of messages is exact. Free are: packet
 * identifiers, the order among retained messages of one filter, and the order among acknowledgements of different kinds.
 */
export type Model = ReturnType<typeof createModel>;

export function createModel() {
  const sessions = new Map<string, Session>();
  const links = new Set<Link>();
  const retained = new Map<string, Message>();
  let nowS = 0;
  /** Everything that could come has come: what waits in a queue has not been on its way. */
  let isQuiet = true;
  const isExpired = (message: Message) => message.expiresAtS <= nowS; // [MQTT-3.3.2-5]
  const groups = createGroups(isExpired, () => isQuiet);

  function connect(who: string, connecting: Connecting): Link {
    let session = sessions.get(who);
    if (session?.link) close(session.link, 0x8e); // [MQTT-3.1.4-3]
    session = sessions.get(who);
    const resumed = session !== undefined && !connecting.clean;
    const endedOne = session !== undefined && !resumed;
    if (session && !resumed) end(session); // [MQTT-3.1.4-4]
    if (!session || !resumed) session = newSession(who);
    sessions.set(who, session);
    isQuiet = false;
    const { expiryS, will } = connecting;
    const fresh = { isOpen: true, goodbye: null, heardS: nowS, answers: [`connack ${resumed} 0`], atMostOnce: [] };
    const link: Link = { ...connecting, ...fresh, session, endedOne };
    links.add(link);
    // The client is back: a will that waits is not sent [MQTT-3.1.3-9].
    Object.assign(session, { link, expiryS, will, willAtS: Infinity, endsAtS: Infinity, again: [...session.inflight] });
    return link;
  }

  /** The connection is over without a DISCONNECT of the client's. */
  function lose(link: Link): void {
    const { session } = link;
    link.isOpen = false;
    links.delete(link);
    groups.lost(session);
    session.link = null;
    session.again = [];
    if (!isQuiet) for (const queued of session.queue) queued.mayBeAgain ||= !isExpired(queued.message);
    session.endsAtS = nowS + session.expiryS;
    session.willAtS = nowS + Math.min(session.will?.delayS ?? 0, session.expiryS); // [MQTT-3.1.3-9]
    pass(session);
  }

  function close(link: Link, reason: number): void {
    link.goodbye = link.version === 5 ? reason : null;
    lose(link);
  }

  function disconnect(link: Link, withWill: boolean, expiryS: number | null): void {
    const { session } = link;
    const isWrong = expiryS !== null && expiryS > 0 && session.expiryS === 0; // MQTT 5.0, 3.14.2.2.2
    if (expiryS !== null && !isWrong) session.expiryS = expiryS;
    if (!withWill && !isWrong) session.will = null; // [MQTT-3.14.4-3]
    if (isWrong) close(link, 0x82);
    else lose(link);
  }

  /** A session without a connection, at this second: its will and its end. */
  function pass(session: Session): void {
    if (session.link === null && session.willAtS <= nowS) publishWill(session);
    if (session.link === null && session.endsAtS <= nowS) end(session);
  }

  function publishWill(session: Session): void {
    const will = session.will;
    session.will = null;
    if (will) distribute(will.message, session); // [MQTT-3.1.2-8]
  }

  function end(session: Session): void {
    publishWill(session);
    sessions.delete(session.who);
    groups.ended(session);
    isQuiet = false;
  }

  function second(): void {
    nowS += 1;
    for (const message of retained.values()) if (isExpired(message)) keep({ ...message, payload: '' });
  }

  /** The broker looks at the clock. */
  function tick(): void {
    for (const link of links) {
      if (link.keepAliveS > 0 && nowS - link.heardS > link.keepAliveS * 1.5) close(link, 0x8d); // [MQTT-3.1.2-22]
    }
    for (const session of sessions.values()) pass(session);
  }

  /** To everybody who is subscribed; true if somebody is. */
  function distribute(message: Message, source: Session): boolean {
    isQuiet = false;
    if (message.retain) keep(message);
    let isWanted = groups.distribute(message);
    for (const session of sessions.values()) {
      const matching = [...session.subscriptions].filter(([filter]) => matches(filter, message.topic));
      isWanted ||= matching.length > 0;
      // One delivery for overlapping subscriptions; No Local ones do not count for its own messages [MQTT-3.8.3-3].
      const counting = matching.map(([, subscription]) => subscription).filter((s) => !s.noLocal || session !== source);
      if (counting.length === 0) continue;
      const qos = Math.min(message.qos, Math.max(...counting.map((s) => s.qos))) as Qos; // [MQTT-3.3.5-1]
      const retain = message.retain && counting.some((s) => s.retainAsPublished); // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
      const identifiers = counting.flatMap((s) => s.identifier ?? []); // [MQTT-3.3.4-4]
      const delivery = { message, qos, retain, identifiers };
      if (qos > 0) session.queue.push({ ...delivery, mayBeAgain: false });
      else session.link?.atMostOnce.push(delivery);
    }
    return isWanted;
  }

  /** The last one with RETAIN of each topic; an empty one removes it [MQTT-3.3.1-5] [MQTT-3.3.1-6]. */
  function keep(message: Message): void {
    if (message.payload === '') retained.delete(message.topic);
    else retained.set(message.topic, message);
    for (const { searches } of sessions.values()) for (const search of searches) changed(search, message);
  }

  function publish(link: Link, content: Omit<Message, 'expiresAtS'>, id: number, expiryS: number): void {
    const { session, version } = link;
    const message = { ...content, expiresAtS: nowS + expiryS };
    if (message.qos === 2 && session.received.has(id)) return void link.answers.push(`pubrec ${id} 0`); // [MQTT-4.3.3-10]
    const reason = !distribute(message, session) && version === 5 ? 0x10 : 0;
    if (message.qos === 1) link.answers.push(`puback ${id} ${reason}`); // [MQTT-4.3.2-4]
    if (message.qos === 2) link.answers.push(`pubrec ${id} ${reason}`);
    if (message.qos === 2) session.received.add(id);
  }

  function release(link: Link, id: number): void {
    const known = link.session.received.delete(id);
    link.answers.push(`pubcomp ${id} ${known || link.version < 5 ? 0 : 0x92}`); // [MQTT-4.3.3-11]
  }

  function acknowledge(link: Link, kind: Flight['awaits'], id: number, reason: number): void {
    const { session } = link;
    isQuiet = false;
    const flight = session.inflight.find((one) => one.id === id);
    if (flight) session.again = session.again.filter((one) => one !== flight);
    const isRefused = kind === 'pubrec' && reason >= 0x80; // the exchange is over
    if (kind === 'pubrec' && flight?.awaits !== 'puback' && !isRefused) {
      link.answers.push(`pubrel ${id} ${flight || link.version < 5 ? 0 : 0x92}`); // [MQTT-4.3.3-4]
      if (flight) flight.awaits = 'pubcomp';
    } else if (flight && flight.awaits !== kind && !(isRefused && flight.awaits === 'pubcomp')) close(link, 0x82);
    else if (flight) session.inflight = session.inflight.filter((one) => one !== flight);
  }

  function subscribe(link: Link, id: number, filters: readonly Filtered[], identifier: number | null): void {
    const { subscriptions } = link.session;
    for (const { filter, retainHandling, ...options } of filters) {
      const isNew = !subscriptions.has(filter);
      const subscription = { ...options, identifier };
      subscriptions.set(filter, subscription); // [MQTT-3.8.4-3]
      isQuiet &&= !filter.startsWith('$share/');
      if (filter.startsWith('$share/')) {
        groups.join(link.session, filter, subscription);
        continue; // nothing retained (MQTT 5.0, 4.8.2)
      }
      if (retainHandling === 2 || (retainHandling === 1 && !isNew)) continue; // [MQTT-3.3.1-9..11]
      const others = link.session.searches.filter((search) => search.filter !== filter);
      link.session.searches = [...others, newSearch(filter, subscription, retained.values())];
    }
    link.answers.push(`suback ${id} ${filters.map(({ qos }) => qos)}`); // [MQTT-3.8.4-1] [MQTT-3.8.4-5]
  }

  function unsubscribe(link: Link, id: number, filter: string): void {
    const { session } = link;
    const known = session.subscriptions.delete(filter); // what is queued for it stays [MQTT-3.10.4-3]
    session.searches = session.searches.filter((search) => search.filter !== filter);
    groups.leave(session, filter);
    link.answers.push(`unsuback ${id} ${link.version < 5 ? '' : known ? 0 : 0x11}`); // [MQTT-3.10.4-4]
  }

  /** The broker sent a packet to a connection: throws unless it may come now. */
  function saw(link: Link, packet: Packet): void {
    if (!isAllowed(link, packet)) throw new Error(`${said(packet)}, but ${stateOf(link)}`);
  }

  function isAllowed(link: Link, packet: Packet): boolean {
    if (packet.type === 'disconnect') return packet.reason === link.goodbye;
    if (!link.isOpen) return true; // it was on its way
    if (packet.type === 'publish') return sawPublish(link, packet);
    const { again } = link.session;
    const isAgain = packet.type === 'pubrel' && again[0]?.awaits === 'pubcomp' && again[0].id === packet.packetId;
    if (isAgain) return again.shift() !== undefined; // [MQTT-4.4.0-1]
    const at = link.answers.findIndex((answer) => answer.startsWith(packet.type));
    return link.answers.splice(at, 1)[0] === answerOf(packet);
  }

  function sawPublish(link: Link, packet: Published): boolean {
    const { session } = link;
    const { again, inflight, queue } = session;
    const is = (delivery: Delivery | undefined) => delivery !== undefined && isSame(link, delivery, packet, nowS);
    if (packet.qos === 0) {
      const isLive = is(link.atMostOnce[0]);
      if (isLive) return link.atMostOnce.shift() !== undefined;
      return groups.take(link, false, is) !== null || takeRetained(link, packet, nowS).length > 0;
    }
    if (inflight.length - again.length >= link.window) return false; // [MQTT-3.3.4-9]
    const [first] = again;
    const isAgain = first && packet.dup && first.id === packet.packetId && [first, ...first.orElse].some(is);
    if (isAgain) return again.shift() !== undefined; // [MQTT-4.4.0-1]
    if (first || inflight.some(({ id }) => id === packet.packetId)) return false; // [MQTT-4.6.0-6] [MQTT-2.2.1-4]
    while (queue[0] && isExpired(queue[0].message) && !(queue[0].mayBeAgain && is(queue[0]))) queue.shift();
    const isQueued = is(queue[0]) && packet.dup <= (queue[0]?.mayBeAgain ?? false); // [MQTT-3.3.1-1]
    const own = isQueued ? queue.shift() : undefined;
    const shared = own ? null : groups.take(link, packet.dup, is);
    const sure = own ?? shared;
    const [delivery, ...orElse] = sure ? [sure] : packet.dup ? [] : takeRetained(link, packet, nowS);
    if (!delivery) return false;
    const awaits = packet.qos === 1 ? 'puback' : 'pubrec';
    inflight.push({ ...delivery, orElse, id: packet.packetId, entry: shared?.entry ?? null, awaits });
    return true;
  }

  /** All that can come has come: throws when something is missing. */
  function settled(): void {
    for (const session of sessions.values()) {
      const { link, again, inflight, queue, searches } = session;
      if (!link) continue;
      const hasRoom = inflight.length - again.length < link.window;
      const missing: unknown[] = [...link.answers, ...link.atMostOnce.map(({ message }) => message)];
      if (again[0] && (hasRoom || again[0].awaits === 'pubcomp')) missing.push(again[0]);
      else if (hasRoom && queue.some(({ message }) => !isExpired(message))) missing.push(...queue);
      else if (hasRoom)
        missing.push(...searches.flatMap(({ found }) => [...found.values()].filter(({ must }) => must)));
      if (missing.length > 0) throw new Error(`${session.who} should have got ${JSON.stringify(missing)}`);
      for (const search of searches) refresh(search, retained);
      if (hasRoom && again.length === 0) session.searches = [];
    }
    const missing = groups.missing(sessions.values(), isReady);
    if (missing.length > 0) throw new Error(`somebody of a group should have got ${JSON.stringify(missing)}`);
    isQuiet = true;
  }

  /** Whether a group may give it a message of QoS 1 or 2. */
  function isReady({ link, again, inflight }: Session): boolean {
    return link !== null && again.length === 0 && inflight.length < link.window;
  }

  const heard = (link: Link): void => {
    link.heardS = nowS;
  };
  const linkOf = (who: string) => sessions.get(who)?.link ?? null;
  const of = { connect, lose, disconnect, second, tick, publish, release, acknowledge, subscribe, unsubscribe };
  return { ...of, heard, linkOf, saw, settled };
}
