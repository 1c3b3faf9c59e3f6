import { describe, expect, it } from 'vitest';
import { userFault } from './client-identity.ts';

describe('the name in a certificate', () => {
  it.each(['esp-1', 'Müller', 'CN=esp-1,O=Lab', 'a b', '气象站'])('may be %s', (user) => {
    expect(userFault(user)).toBeNull();
  });

  it.each([
    ['', /empty/],
    ['a+b', /\+ # \//],
    ['#', /\+ # \//],
    ['a/b', /\+ # \//],
    ['a\0b', /cannot be seen/],
    ['a\nb', /cannot be seen/],
    ['a\u007f', /cannot be seen/],
    ['a\u0085', /cannot be seen/],
    ['a\u200bb', /cannot be seen/],
    ['a\u202eb', /cannot be seen/],
    ['a\u2028b', /cannot be seen/],
    ['a\ud800', /cannot be seen/],
    ['a\ufffd', /cannot be seen/],
    ['$SYS', /begins with \$/],
    ['anonymous', /anonymous/],
    ['x'.repeat(257), /longer than 256/],
  ])('may not be %j', (user, why) => {
    expect(userFault(user)).toMatch(why);
  });
});
