import {
  type Delivery,
  type Hidden,
  type Link,
  type Message,
  matches,
  type Qos,
  type Session,
  type Subscription,
} from './state.ts';

/** A shared subscription (MQTT 5.0, 4.8.2): each message goes to exactly one member, which one is free. */
export type Group = {
  readonly filter: string;
  readonly members: Map<Session, Subscription>;
  /** The number of the last that each connection got: an older one comes only when it came back. */
  readonly last: Map<Link, number>;
  /** QoS 1 and 2, oldest first: nobody's yet, as far as can be seen. */
  waiting: Entry[];
  gone: boolean;
};

/** One QoS 1 or 2 message of a group. */
export type Entry = {
  readonly group: Group;
  readonly number: number;
  readonly message: Message;
  /** It came back from a session that has ended: it goes out of its order. */
  isReturned: boolean;
  /** It may have gone to a connection that ended before it showed. */
  mayBeGone: boolean;
};

/** What a group's message is for one member [MQTT-4.8.2-3]. */
function deliveryTo({ qos, retainAsPublished, identifier }: Subscription, message: Message): Delivery {
  const identifiers = identifier === null ? [] : [identifier];
  return {
    message,
    qos: Math.min(qos, message.qos) as Qos,
    retain: message.retain && retainAsPublished,
    identifiers,
  };
}

const newGroup = (filter: string): Group => {
  return { filter, members: new Map(), last: new Map(), waiting: [], gone: false };
};

export function createGroups(isExpired: (message: Message) => boolean, isQuiet: () => boolean) {
  const groups = new Map<string, Group>();
  let numbers = 0;
  /** What goes at QoS 0 to one of those who were there when it came. */
  let once: ReadonlyMap<Link, Delivery>[] = [];

  function join(session: Session, name: string, subscription: Subscription): void {
    const filter = name.split('/').slice(2).join('/');
    const group = groups.get(name) ?? newGroup(filter);
    groups.set(name, group);
    mayHave(session, group);
    group.members.set(session, subscription);
  }

  function leave(session: Session, name: string): void {
    const group = groups.get(name);
    if (!group) return;
    mayHave(session, group);
    group.members.delete(session);
    if (group.members.size > 0) return;
    group.gone = true; // what waits is deleted with it
    groups.delete(name);
  }

  /** Its part in the group changes while what is on its way to it has not shown: it may have any of what waits. */
  function mayHave(session: Session, group: Group): void {
    const subscription = group.members.get(session);
    if (!subscription || !session.link || isQuiet()) return;
    const { link } = session;
    for (const entry of group.waiting) {
      if (isExpired(entry.message)) continue;
      session.hidden.push({ entry, delivery: deliveryTo(subscription, entry.message), link });
    }
  }

  /** Its connection ends. */
  function lost(session: Session): void {
    for (const group of groups.values()) mayHave(session, group);
    for (const { entry, delivery } of session.hidden) if (delivery.qos === 0) entry.mayBeGone = true;
    session.hidden = session.hidden.filter(({ delivery }) => delivery.qos > 0);
  }

  /** Its session is over: what it has at QoS 1 goes to others, at QoS 2 it may not [MQTT-4.8.2-5]. */
  function ended(session: Session): void {
    for (const name of session.subscriptions.keys()) leave(session, name);
    for (const { entry, delivery } of session.hidden) {
      if (delivery.qos === 2) entry.mayBeGone = true;
      entry.isReturned = true;
    }
    session.hidden = [];
    for (const { entry, awaits } of session.inflight) {
      if (!entry || awaits !== 'puback') continue;
      entry.isReturned = true;
      entry.group.waiting.push(entry);
    }
  }

  /** True if a group is subscribed to it. */
  function distribute(message: Message): boolean {
    let isWanted = false;
    for (const group of groups.values()) {
      if (!matches(group.filter, message.topic)) continue;
      isWanted = true;
      const isQueueing = [...group.members.values()].some(({ qos }) => qos > 0);
      if (message.qos > 0 && isQueueing) {
        group.waiting.push({ group, number: ++numbers, message, isReturned: false, mayBeGone: false });
        continue;
      }
      const present = [...group.members].flatMap(([{ link }, subscription]): [Link, Delivery][] =>
        link ? [[link, { ...deliveryTo(subscription, message), qos: 0 }]] : [],
      );
      if (present.length > 0) once.push(new Map(present)); // else nobody gets it
    }
    return isWanted;
  }

  /** The delivery of a group's that a PUBLISH to this connection is. `dup`: one that it may have been sent before. */
  function take(link: Link, dup: boolean, is: (delivery: Delivery) => boolean): Taken | null {
    const { session } = link;
    for (const { entry, delivery, link: at } of session.hidden) {
      // What an earlier connection had comes as a duplicate, unless it was not sent yet when that ended.
      if ((!dup || at !== link) && is(delivery)) return taken(link, entry, delivery);
    }
    if (dup) return null; // [MQTT-3.3.1-1]
    const at = once.findIndex((those) => those.has(link) && is(those.get(link) as Delivery));
    if (at >= 0) return { ...(once.splice(at, 1)[0]?.get(link) as Delivery), entry: null };
    for (const group of groups.values()) {
      const subscription = group.members.get(session);
      if (!subscription) continue;
      for (const entry of group.waiting) {
        const delivery = deliveryTo(subscription, entry.message);
        if (!isExpired(entry.message) && is(delivery)) return taken(link, entry, delivery);
      }
    }
    return null;
  }

  function taken(link: Link, entry: Entry, delivery: Delivery): Taken | null {
    const { group, number, isReturned } = entry;
    const at = group.waiting.indexOf(entry);
    if (at < 0 && !group.gone) return null; // somebody has it: it would go to two
    if (!isReturned && number < (group.last.get(link) ?? 0)) return null;
    group.waiting.splice(at, at < 0 ? 0 : 1);
    link.session.hidden = link.session.hidden.filter((one) => one.entry !== entry);
    if (!isReturned) group.last.set(link, number);
    return { ...delivery, entry };
  }

  /** What should have gone to somebody and did not, when all that could come has come. */
  function missing(sessions: Iterable<Session>, hasRoom: (session: Session) => boolean): Message[] {
    const hidden = new Set<Entry>();
    for (const session of sessions) {
      // All that was on its way to this connection has shown; and who has room has been sent again all that it had.
      const isOver = ({ link }: Hidden) => session.link !== null && (link === session.link || hasRoom(session));
      session.hidden = session.hidden.filter((one) => !isOver(one));
      for (const { entry } of session.hidden) hidden.add(entry);
    }
    const atMostOnce = once.filter((those) => [...those.keys()].every(({ isOpen }) => isOpen));
    once = [];
    const due = [...groups.values()].flatMap((group) => {
      group.waiting = group.waiting.filter((entry) => !isExpired(entry.message) || hidden.has(entry));
      const canTake = [...group.members].some(([member, { qos }]) => member.link && (qos === 0 || hasRoom(member)));
      const newest = Math.max(0, ...group.last.values());
      return group.waiting.filter(
        (entry) => !entry.mayBeGone && !hidden.has(entry) && (canTake || (entry.number < newest && !entry.isReturned)),
      );
    });
    return [...due, ...atMostOnce.flatMap((those) => [...those.values()][0] ?? [])].map(({ message }) => message);
  }

  return { join, leave, lost, ended, distribute, take, missing };
}

export type Taken = Delivery & { readonly entry: Entry | null };
