import type { CSSVariablesResolver, MantineColorsTuple } from '@mantine/core';
import { createTheme } from '@mantine/core';

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

export const theme = createTheme({
  colors: { signal },
  primaryColor: 'signal',
  primaryShade: { light: 8, dark: 4 },
  autoContrast: true,
  luminanceThreshold: 0.4,
  defaultRadius: 5,
  fontFamily: 'var(--sans)',
  fontFamilyMonospace: 'var(--mono)',
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
  };
  return { variables: {}, light: both, dark: both };
};
