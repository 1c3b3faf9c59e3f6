import { describe, expect, it } from 'vitest';
import type { View } from './view-url.ts';
import { FIRST_VIEW, formatView, isStep, parseView } from './view-url.ts';

const roundTrip = (view: View) => parseView(formatView(view));

describe('the view in the address', () => {
  it('is empty at first', () => {
    expect(formatView(FIRST_VIEW)).toBe('');
    expect(parseView('')).toEqual(FIRST_VIEW);
  });

  it('reads topic, fields and range as people write them', () => {
    expect(parseView('?topic=/sensors/temperature&field=kT&field=aT&range=24h')).toEqual({
      ...FIRST_VIEW,
      topic: '/sensors/temperature',
      fields: ['kT', 'aT'],
      range: { kind: '24h' },
    });
  });

  it('comes back the same, whatever the topic holds', () => {
    for (const topic of ['/sensors/t', 'a b+c', 'é/%2F&=?#', 'x/+', ' ', '日本/温度']) {
      const view: View = { ...FIRST_VIEW, topic, fields: ['a[0].b', 'ü'], search: 'lab/+/#' };
      expect(roundTrip(view)).toEqual(view);
    }
  });

  it('keeps a custom span to the millisecond', () => {
    const range = { kind: 'custom', fromMs: 1_795_000_000_123, toMs: 1_795_000_900_456 } as const;
    expect(roundTrip({ ...FIRST_VIEW, range }).range).toEqual(range);
  });

  it('falls back to 15 minutes for a range that is none', () => {
    for (const query of [
      '?range=2h',
      '?range=custom',
      '?range=custom&from=x&to=y',
      '?range=custom&from=2026-01-02&to=2026-01-01',
    ]) {
      expect(parseView(query).range).toEqual({ kind: '15m' });
    }
  });

  it('makes a step in the history for another topic, not for another field', () => {
    expect(isStep(FIRST_VIEW, { ...FIRST_VIEW, topic: 'a' })).toBe(true);
    expect(isStep(FIRST_VIEW, { ...FIRST_VIEW, fields: ['a'] })).toBe(false);
  });
});
