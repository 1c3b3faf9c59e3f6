import { expect, it } from 'vitest';
import { seriesColour } from './colour.ts';

it('gives a series the same colour each time, and another one in the other scheme', () => {
  const dark = seriesColour('/sensors/temperature', 'value', 'dark');
  expect(seriesColour('/sensors/temperature', 'value', 'dark')).toBe(dark);
  expect(seriesColour('/sensors/temperature', 'value', 'light')).not.toBe(dark);
});

it('spreads the fields of a topic and the topics of a site over the palette', () => {
  const colours = new Set(Array.from({ length: 40 }, (_, i) => seriesColour(`site/dev${i}`, 'value', 'dark')));
  expect(colours.size).toBe(8);
});
