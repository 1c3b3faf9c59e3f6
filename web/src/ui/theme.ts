import type { CSSVariablesResolver, MantineColorsTuple } from '@mantine/core';
import { createTheme, defaultVariantColorsResolver } from '@mantine/core';

/** The one accent, for what can be acted on. Shade 4 reads on dark, shade 8 on light (AA both). */
const signal: MantineColorsTuple = [
  '#e6faf6',
  '#c6f1e9',
  '#95e3d5',
  '#66d6c2',
  '#45c9b4',
  '#2bb39e',
  '#1a9a87',
  '#0f8474',
  '#0a6f62',
  '#06584e',
];

/** Mantine's greys, so that its controls stand on the tokens' surfaces: text first, ground last. */
const dark: MantineColorsTuple = [
  '#e9eef0',
  '#a6b1b7',
  '#87939a',
  '#5a656c',
  '#343d43',
  '#232a2e',
  '#1a1f22',
  '#131719',
  '#0f1315',
  '#0d1012',
];

export const theme = createTheme({
  colors: { signal, dark },
  primaryColor: 'signal',
  primaryShade: { light: 8, dark: 4 },
  defaultRadius: 5,
  fontFamily: 'var(--sans)',
  fontFamilyMonospace: 'var(--mono)',
  // White on the dark scheme's accent would not read.
  variantColorResolver: (input) => {
    const colours = defaultVariantColorsResolver(input);
    return input.variant === 'filled' ? { ...colours, color: 'var(--on-accent)' } : colours;
  },
  respectReducedMotion: true,
  cursorType: 'pointer',
});

/** Mantine's own variables, taken from the tokens, so that there is one palette. */
export const cssVariables: CSSVariablesResolver = () => {
  const both = {
    '--mantine-color-body': 'var(--surface-0)',
    '--mantine-color-text': 'var(--text-1)',
    '--mantine-color-dimmed': 'var(--text-2)',
    '--mantine-color-placeholder': 'var(--text-3)',
    '--mantine-color-default': 'var(--surface-2)',
    '--mantine-color-default-hover': 'var(--surface-3)',
    '--mantine-color-default-color': 'var(--text-1)',
    '--mantine-color-default-border': 'var(--line-2)',
    '--mantine-color-error': 'var(--bad)',
    '--mantine-color-anchor': 'var(--accent)',
    '--mantine-primary-color-contrast': 'var(--on-accent)',
  };
  return {
    variables: {},
    light: both,
    dark: both,
  };
};
