import { beforeEach, describe, expect, it } from 'vitest';
import { Session, type Subscription } from '../session/index.ts';
import { createMemoryStore, type QueueEntry } from '../store/index.ts';
import { Client } from './client.ts';
import { newSubscribed, type Receivers, receiversOf, rightsChanged } from './receivers.ts';
import { principalOf } from './testing/fake-broker.ts';
import { World } from './world.ts';

const store = createMemoryStore();
let world: World;
beforeEach(() => {
  world = new World(0, 'default', 100);
});

function clientOf(clientId: string): Client {
  const home = { store, queue: store.openQueue(clientId), persistent: false };
  return new Client(world, new Session<QueueEntry>(clientId, 5), principalOf('default'), home);
}

function subscribe(client: Client, filter: string, more: Partial<Subscription> = {}): void {
  const options = { qos: 0, noLocal: false, retainAsPublished: false, identifier: null, ...more } as const;
  const subscription = newSubscribed(options);
  client.session.subscriptions.set(filter, subscription);
  world.subscriptions.add(filter, client, subscription);
}

const of = (topic: string): Receivers => receiversOf(world, world.topics.lookupName(topic));
const names = (topic: string): string[] => of(topic).list.map(({ client }) => client.name);

describe('the receivers of a topic', () => {
  it('stand while only subscriptions to others change, and are worked out again when one of theirs does', () => {
    const clients = ['a', 'b', 'c'].map(clientOf) as [Client, Client, Client];
    for (const client of clients) subscribe(client, 'many');
    const before = of('many');
    subscribe(clients[0], 'other/+');
    world.subscriptions.remove('other/+', clients[0]);
    expect(of('many')).toBe(before);
    expect(of('many')).toBe(before);
    world.subscriptions.remove('many', clients[1]);
    expect(names('many')).toEqual(['a', 'c']);
    subscribe(clients[1], '#');
    expect(names('many')).toEqual(['b', 'a', 'c']);
  });

  it('are worked out again when the rights of one of them may be others', () => {
    const one = clientOf('one');
    subscribe(one, 'many');
    const before = of('many');
    const other = clientOf('other');
    subscribe(other, 'elsewhere');
    rightsChanged(other);
    expect(of('many')).not.toBe(before); // of one receiver no more than one change is looked at
    const again = of('many');
    one.principal = { ...one.principal, rules: { ...one.principal.rules, all: false, mayReceive: () => false } };
    rightsChanged(one);
    expect(of('many')).not.toBe(again);
    expect(names('many')).toEqual([]);
  });

  it('are each client once, with the greatest QoS and all identifiers of its subscriptions', () => {
    const [one, other] = [clientOf('one'), clientOf('other')];
    subscribe(one, 'a/b', { qos: 1, identifier: 7 });
    subscribe(other, 'a/+', { qos: 2, identifier: 1 });
    subscribe(one, 'a/+', { qos: 0, identifier: 3, noLocal: true });
    subscribe(one, '#', { qos: 2, identifier: 5, retainAsPublished: true });
    const found = of('a/b');
    expect(found.count).toBe(2);
    const mine = found.list.find(({ client }) => client === one);
    expect(mine).toMatchObject({ qos: 2, retainAsPublished: true, subscriptionIdentifiers: [3, 5, 7] });
    expect(mine?.own).toMatchObject({ qos: 2, subscriptionIdentifiers: [5, 7] });
    expect(found.anyNoLocal).toBe(true);
    // What each gets of another topic is not touched by that.
    expect(of('a/x').list.find(({ client }) => client === other)).toMatchObject({
      qos: 2,
      subscriptionIdentifiers: [1],
    });
    expect(of('x').list).toMatchObject([{ qos: 2, subscriptionIdentifiers: [5] }]);
  });

  it('get nothing of their own where all that matches says No Local', () => {
    const one = clientOf('one');
    subscribe(one, 'a', { noLocal: true });
    subscribe(one, '+', { noLocal: true });
    expect(of('a').list).toMatchObject([{ own: null }]);
  });
});
