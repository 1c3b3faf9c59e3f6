import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../scripts/workshop/paths.mjs';
import { createFixture, type Fixture } from '../../src/api/testing/fakes.ts';
import { BOUNDS } from '../../src/base/index.ts';
import { knownKeys } from '../../src/config/schema.ts';
import { DEFAULTS } from '../../src/config/settings.ts';

/** Limits that have no test yet. */
const UNTESTED: readonly string[] = [];

type Row = {
  readonly limit: string;
  readonly byDefault: number;
  readonly metrics: readonly string[];
  readonly test: string;
};

const page = readFileSync(join(root, 'docs/limits.md'), 'utf8');
const rows: readonly Row[] = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, limit = '', byDefault = '', , , metrics = '', test = ''] = line.split('|').map((cell) => cell.trim());
    return {
      limit: limit.replaceAll('`', ''),
      byDefault: Number.parseInt(byDefault.replaceAll(',', ''), 10),
      metrics: [...metrics.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
      test,
    };
  });

/** `docs/limits.md` is what the program does. */
describe('the page of limits', () => {
  let fixture: Fixture;
  let metrics: readonly string[];
  beforeAll(async () => {
    fixture = await createFixture();
    const answer = await fixture.api.inject({ url: '/metrics', remoteAddress: '127.0.0.1' });
    expect(answer.statusCode).toBe(200);
    metrics = answer.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  });
  afterAll(() => fixture.api.close());

  it('names each limit of the configuration, once, and no other', () => {
    expect(rows.map(({ limit }) => limit).sort()).toEqual([...knownKeys(['limits'])].sort());
  });

  it('gives each its default', () => {
    const said = Object.fromEntries(rows.map(({ limit, byDefault }) => [limit, byDefault]));
    expect(said).toEqual(DEFAULTS.limits);
  });

  it('names a metric of each that /metrics has', () => {
    const missing = rows.flatMap(({ limit, metrics: named }) => {
      const found = named.filter((name) => metrics.some((line) => new RegExp(`^${escaped(name)}[ {]`).test(line)));
      return named.length > 0 && found.length === named.length ? [] : [limit];
    });
    expect(missing).toEqual([]);
  });

  it('names the counter of each bound that is counted', () => {
    const counted = rows.filter(({ limit, metrics: named }) => named.includes(counterOf(limit)));
    expect(counted.map(({ limit }) => limit).sort()).toEqual([...BOUNDS].sort());
  });

  it('names a test of each that is there', () => {
    const missing = rows.filter(({ test }) => !isThere(test)).map(({ limit }) => limit);
    expect(missing).toEqual(UNTESTED);
  });
});

const counterOf = (limit: string): string => `sonde_limit_reached_total{bound="${limit}"}`;
const escaped = (text: string): string => text.replace(/[{}]/g, '\\$&');

/** `beginning of its title (`file`)` */
function isThere(test: string): boolean {
  const [, title, file] = /^(.+) \(`(.+)`\)$/.exec(test) ?? [];
  if (title === undefined || file === undefined || !existsSync(join(root, file))) return false;
  return readFileSync(join(root, file), 'utf8').includes(title);
}
