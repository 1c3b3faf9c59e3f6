import { describe, expect, it } from 'vitest';
import { isOwner } from './owner.ts';
import type { Principal } from './port.ts';
import { ALL_TOPICS, READ_ONLY_TOPICS } from './rules.ts';

const anonymous: Principal = { name: 'anonymous', kind: 'anonymous', world: 'default', rules: ALL_TOPICS };
const token: Principal = { ...anonymous, name: 'key', kind: 'token' };

describe('the owner of the server', () => {
  it.each<[string, Principal, local: boolean, owns: boolean]>([
    ['anonymous on this machine', anonymous, true, true],
    ['anonymous from elsewhere', anonymous, false, false],
    ['a token of default', token, false, true],
    ['a token of another namespace', { ...token, world: 'lab' }, true, false],
    ['a read-only token', { ...token, rules: READ_ONLY_TOPICS }, true, false],
    ['anonymous with rules', { ...anonymous, rules: { ...ALL_TOPICS, all: false } }, true, false],
  ])('%s', (_, principal, local, owns) => {
    expect(isOwner(principal, local)).toBe(owns);
  });
});
