import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../../scripts/workshop/paths.mjs';

type Place = readonly [file: string, name: string];

const wire = 'test/conformance/hostile.test.ts';
const clients = 'test/conformance/hostile-clients.test.ts';

/** What broke MQTT brokers before, by class, and where it is tested: the file, and words of the test's name. */
const CLASSES: readonly (readonly [what: string, tests: readonly Place[]])[] = [
  ['1: a big length before anybody is known', [[wire, 'class 1: a big length before anybody is known']]],
  ['2: malformed variable byte integers', [[wire, 'class 2: malformed variable byte integers']]],
  [
    '3: lengths that lie',
    [
      [wire, 'class 3: lengths that lie'],
      ['test/conformance/truncated.test.ts', 'class 3: a packet whose length lies'],
    ],
  ],
  ['4: empty and absent fields', [[wire, 'class 4: empty and absent fields']]],
  ['5: packets of the wrong direction', [[wire, 'class 5: packets of the wrong direction']]],
  [
    '6: properties that are wrong or harm others',
    [
      [wire, 'class 6: properties that harm those who get them'],
      ['test/conformance/hostile-properties.test.ts', 'class 6: properties where they do not belong, or twice'],
    ],
  ],
  ['7: QoS 2 that is never finished', [[wire, 'class 7: QoS 2 that is never finished']]],
  ['8: deep and wide topics', [[wire, 'class 8: deep and wide topics']]],
  ['9: topics with $', [[clients, 'class 9: topics with $']]],
  [
    '10: names that pass for patterns of the rules',
    [
      [clients, 'hostile names before the rules'],
      [clients, 'class 10: a will is held to the same rules'],
    ],
  ],
  ['11: rights that have ended', [['src/broker/stale-rights.test.ts', 'class 11: a right that has ended']]],
  [
    '12: configuration and token files that are broken, empty or cannot be read',
    [
      ['src/config/resolve.test.ts', 'a file that is empty'],
      ['src/access/tokens/tokens.test.ts', 'that %s is refused in one line'],
      ['src/access/tokens/token-reader.test.ts', 'EMFILE: too many open files'],
    ],
  ],
  [
    '13: slow and many clients',
    [
      [clients, 'class 13: slow clients'],
      [clients, 'class 13: more sockets than there is room for'],
      ['test/conformance/bounds.test.ts', 'class 13: a thousand strangers of one address who owe their CONNECT'],
    ],
  ],
  [
    '14: take-over storms',
    [
      [clients, 'class 14: take-over storms'],
      ['src/broker/takeovers.test.ts', 'one client id on two devices'],
    ],
  ],
  [
    '15: bridges: loops, and what they bring (Sonde has no bridge of its own yet)',
    [
      ['src/broker/bridge.test.ts', 'gets nothing back that it brought'],
      ['test/interop/mosquitto-bridge.test.ts', 'with no echo'],
    ],
  ],
  [
    '16: data at rest: modes, flipped bits, cut files',
    [
      [clients, 'class 16: nobody but the owner may read the data folder'],
      ['src/store/disk/sweep.test.ts', 'it is empty'],
      ['test/crash/damaged-store.test.ts', 'FORMAT is empty'],
    ],
  ],
  [
    '17: what JavaScript makes of names and texts',
    [
      [clients, 'class 17: what JavaScript makes of names'],
      ['src/api/hostile.test.ts', 'may be nested deeper than the stack'],
    ],
  ],
];

it.each(CLASSES)('class %s has its tests', (_, tests) => {
  for (const [file, name] of tests) {
    expect([file, name, readFileSync(join(root, file), 'utf8').includes(name)]).toEqual([file, name, true]);
  }
});

it('there are seventeen classes', () => {
  expect(CLASSES.map(([what]) => Number.parseInt(what, 10))).toEqual(Array.from({ length: 17 }, (_, n) => n + 1));
});
