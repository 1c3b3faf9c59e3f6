import { describe, expect, it } from 'vitest';
import { compileRules, dependsOnClientId, type RuleHolder, substitute, type TopicRule } from './rules.ts';

const TOKEN: RuleHolder = { kind: 'token', user: 'classroom-1', clientId: 'esp-1', readOnly: false };
const ANONYMOUS: RuleHolder = { kind: 'anonymous', user: null, clientId: 'esp-1', readOnly: false };

function rule(subject: TopicRule['subject'], publish: string[], subscribe: string[]): TopicRule {
  return { subject, publish, subscribe };
}
const mine = (publish: string[], subscribe: string[]) =>
  rule({ kind: 'token', key: 'classroom-1' }, publish, subscribe);

describe('whom no rule names', () => {
  it('has everything, digests too, with no check per message', () => {
    for (const holder of [TOKEN, ANONYMOUS]) {
      const rules = compileRules([rule({ kind: 'token', key: 'somebody-else' }, [], [])], holder);
      expect(rules.all).toBe(true);
      expect(rules.maySubscribe('$sonde/topics/#')).toBe('yes');
    }
  });

  it('with a read-only token receives everything and publishes nothing', () => {
    const rules = compileRules([], { ...TOKEN, readOnly: true });
    expect(rules.all).toBe(false);
    expect(rules.mayPublish('a')).toBe(false);
    expect(rules.maySubscribe('#')).toBe('yes');
    expect(rules.maySubscribe('$sonde/topics/#')).toBe('yes');
    expect(rules.mayReceive('a/b')).toBe(true);
  });
});

describe('a rule', () => {
  it.each<[TopicRule['subject'], token: boolean, anonymous: boolean]>([
    [{ kind: 'token', key: 'classroom-1' }, true, false],
    [{ kind: 'token', key: 'anonymous' }, false, false],
    [{ kind: 'every-token' }, true, false],
    [{ kind: 'anonymous' }, false, true],
    [{ kind: 'everyone' }, true, true],
  ])('for %j narrows a token: %s, anonymous: %s', (subject, token, anonymous) => {
    const rules = [rule(subject, ['a'], [])];
    expect(compileRules(rules, TOKEN).all).toBe(!token);
    expect(compileRules(rules, ANONYMOUS).all).toBe(!anonymous);
  });

  it('adds to the other rules of the same principal', () => {
    const rules = compileRules([mine(['a/#'], []), rule({ kind: 'every-token' }, ['b'], ['c'])], TOKEN);
    expect(['a/x', 'b', 'c'].map(rules.mayPublish)).toEqual([true, true, false]);
    expect(rules.maySubscribe('c')).toBe('yes');
  });

  it('does not give a read-only token the right to publish', () => {
    const rules = compileRules([mine(['#'], ['#'])], { ...TOKEN, readOnly: true });
    expect(rules.mayPublish('a')).toBe(false);
    expect(rules.maySubscribe('a')).toBe('yes');
  });

  it.each<[granted: string[], filter: string, expected: 'yes' | 'partly' | 'no']>([
    [['a/#'], 'a', 'yes'],
    [['a/#'], 'a/b/+', 'yes'],
    [['a/#'], '#', 'partly'],
    [['a/#'], '+/b', 'partly'],
    [['a/#'], 'b/#', 'no'],
    [['a/+'], 'a/#', 'partly'],
    [['a/+'], 'a/b/c', 'no'],
    [['a'], 'a/#', 'partly'],
    [['a', 'b'], '+', 'partly'],
    [[], 'a', 'no'],
    [['a/#'], '$share/group/a/b', 'yes'],
    [['a/#'], '$share/group/#', 'partly'],
    [['a/#'], '$share/group/b', 'no'],
    [['#'], '$share/group/$SYS/#', 'no'],
    [['#'], '$SYS/#', 'no'],
    [['#'], '$sonde/topics/#', 'no'],
    [['+/topics/#'], '$sonde/topics/#', 'no'],
    [['#'], '$other', 'no'],
    [['$sonde/#'], '$sonde/topics/#', 'yes'],
    [['$sonde/topics/#'], '$sonde/#', 'partly'],
    [['$sonde/#'], '#', 'no'],
  ])('that grants %j answers a subscription to %s with %s', (granted, filter, expected) => {
    expect(compileRules([mine([], granted)], TOKEN).maySubscribe(filter)).toBe(expected);
  });

  it('lets each message of a wider subscription be checked', () => {
    const rules = compileRules([mine([], ['a/+', 'b/#'])], TOKEN);
    expect(['a/x', 'b', 'b/c/d', 'a', 'a/x/y', 'c', '$SYS/a'].map(rules.mayReceive)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('of wildcards only never grants what Sonde computes', () => {
    const rules = compileRules([mine(['#', '+/#'], ['#', '+/#'])], TOKEN);
    for (const topic of ['$SYS/broker/uptime', '$sonde/values', '$x']) {
      expect(rules.mayPublish(topic)).toBe(false);
      expect(rules.mayReceive(topic)).toBe(false);
    }
  });

  it('stands 65,535 levels without recursion', () => {
    const deep = '/'.repeat(65_535);
    const rules = compileRules([mine([`${deep.slice(1)}#`, '+/+/#'], ['+/#'])], TOKEN);
    expect(rules.mayPublish(deep)).toBe(true);
    expect(rules.mayReceive(deep)).toBe(true);
    expect(rules.maySubscribe(`${deep.slice(1)}#`)).toBe('yes');
  });
});

describe('names in a filter', () => {
  it('stand for the client id and the user', () => {
    expect(substitute('data/%c/%u/x%%', { clientId: 'esp-1', user: 'classroom-1' })).toBe('data/esp-1/classroom-1/x%');
    const rules = compileRules([mine(['data-%c'], ['%u/#'])], TOKEN);
    expect(rules.mayPublish('data-esp-1')).toBe(true);
    expect(rules.mayPublish('data-esp-2')).toBe(false);
    expect(rules.maySubscribe('classroom-1/a')).toBe('yes');
  });

  it.each(['', '#', '+', 'a/b', '/', 'a#', '+a', 'a\0b', '$SYS', '$sonde'])(
    'grant nothing when a client calls itself %j',
    (clientId) => {
      expect(substitute('data/%c/x', { clientId, user: 'classroom-1' })).toBeNull();
      const rules = compileRules([mine(['%c/#', 'own'], ['%c/#'])], { ...TOKEN, clientId });
      expect(['secret/a', 'own', '$SYS/x'].map(rules.mayPublish)).toEqual([false, true, false]);
      expect(rules.maySubscribe('#')).toBe('no');
      expect(rules.mayReceive('secret/a')).toBe(false);
    },
  );

  it('grant nothing to anonymous for a user that nobody checked', () => {
    const rules = compileRules([rule({ kind: 'anonymous' }, ['%u/#'], [])], ANONYMOUS);
    expect(rules.mayPublish('classroom-1/a')).toBe(false);
  });

  it('are put in once: a client id that holds a mark is not read again', () => {
    expect(substitute('%c/x', { clientId: '%u', user: 'classroom-1' })).toBe('%u/x');
    expect(substitute('%%c', { clientId: 'esp-1', user: null })).toBe('%c');
    expect(substitute('%c', { clientId: '$&', user: null })).toBeNull();
    expect(substitute('%c', { clientId: 'a$&', user: null })).toBe('a$&');
  });

  it('make the rules depend on the client id only where they stand', () => {
    expect(dependsOnClientId([mine(['%c'], [])], 'token', 'classroom-1')).toBe(true);
    expect(dependsOnClientId([mine(['%c'], [])], 'token', 'somebody-else')).toBe(false);
    expect(dependsOnClientId([mine(['%u'], [])], 'token', 'classroom-1')).toBe(false);
  });

  it('that objects have by themselves are names like others', () => {
    const rules = compileRules([mine([], ['%c/#'])], { ...TOKEN, clientId: '__proto__' });
    expect(rules.maySubscribe('__proto__/a')).toBe('yes');
    expect(rules.maySubscribe('constructor')).toBe('no');
  });
});

describe('a filter that a rule denies', () => {
  const deny = (denySubscribe: string[]): TopicRule => ({ ...mine(['#'], ['#']), denySubscribe });

  it('is refused by name, also shared and under a wildcard of the rule, whatever other rules grant', () => {
    const rules = compileRules([deny(['a/secret', 'b/#']), mine([], ['a/secret'])], TOKEN);
    for (const filter of ['a/secret', '$share/g/a/secret', 'b', 'b/+', 'b/c/#']) {
      expect(rules.maySubscribe(filter)).toBe('denied');
    }
    expect(rules.maySubscribe('a/other')).toBe('yes');
  });

  it('leaves a hole in a wider one', () => {
    const rules = compileRules([deny(['a/secret'])], TOKEN);
    expect(rules.maySubscribe('a/+')).toBe('partly');
    expect(['a/secret', 'a/other'].map(rules.mayReceive)).toEqual([false, true]);
  });

  it('is denied to every name where this one cannot be put in', () => {
    const rules = compileRules([deny(['dev/%c/key'])], { ...TOKEN, clientId: 'a/b' });
    expect(rules.mayReceive('dev/x/key')).toBe(false);
    expect(rules.mayReceive('dev/x/data')).toBe(true);
    const own = compileRules([deny(['dev/%c/key'])], TOKEN);
    expect(['dev/esp-1/key', 'dev/x/key'].map(own.mayReceive)).toEqual([false, true]);
    expect(dependsOnClientId([deny(['dev/%c/key'])], 'token', 'classroom-1')).toBe(true);
  });
});

describe('a rule for certificates', () => {
  const of = (subject: TopicRule['subject']): TopicRule => ({ subject, publish: ['devices/%u/#'], subscribe: [] });
  const holder = { kind: 'certificate', user: 'esp-1', clientId: 'x', readOnly: false } as const;

  it('names one, or every one, and no token of the same name', () => {
    for (const rule of [of({ kind: 'certificate', user: 'esp-1' }), of({ kind: 'every-certificate' })]) {
      expect(compileRules([rule], holder).mayPublish('devices/esp-1/state')).toBe(true);
      expect(compileRules([rule], holder).mayPublish('devices/esp-2/state')).toBe(false);
      expect(compileRules([rule], { ...holder, kind: 'token' }).all).toBe(true);
    }
    expect(compileRules([of({ kind: 'certificate', user: 'esp-2' })], holder).all).toBe(true);
    expect(compileRules([of({ kind: 'every-token' })], holder).all).toBe(true);
  });
});
