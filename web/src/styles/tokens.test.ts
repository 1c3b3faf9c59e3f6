import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

/** The hexadecimal tokens of one scheme. */
function tokensOf(scheme: string): ReadonlyMap<string, string> {
  const block = css.split(`[data-mantine-color-scheme="${scheme}"]`)[1]?.split('}')[0] ?? '';
  return new Map([...block.matchAll(/(--[a-z0-9-]+):\s*(#[0-9a-f]{3,6});/g)].map(([, name, value]) => [name!, value!]));
}

/** Relative luminance (WCAG 2.2). */
function luminance(hex: string): number {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/g, '$&$&') : hex;
  const [r, g, b] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(full.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

for (const scheme of ['dark', 'light']) {
  it(`has text that reads at 4.5:1 on every surface (${scheme})`, () => {
    const tokens = tokensOf(scheme);
    const weak: string[] = [];
    for (const text of ['--text-1', '--text-2', '--text-3', '--accent', '--ok', '--warn', '--bad', '--retained']) {
      for (const surface of ['--surface-0', '--surface-1', '--surface-2']) {
        const ratio = contrast(tokens.get(text)!, tokens.get(surface)!);
        if (ratio < 4.5) weak.push(`${text} on ${surface}: ${ratio.toFixed(2)}`);
      }
    }
    const button = contrast(tokens.get('--on-accent')!, tokens.get('--accent')!);
    if (button < 4.5) weak.push(`--on-accent on --accent: ${button.toFixed(2)}`);
    expect(weak).toEqual([]);
  });
}
