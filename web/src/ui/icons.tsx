import type { ReactNode } from 'react';

/** Line icons of 16 units, drawn with the text's colour; hidden from readers, who get the words beside them. */
const PATHS = {
  topics: 'M2.5 3.500h4M4.5 3.500v9M4.5 8h4M4.5 12.500h4M10.5 8h3M10.5 12.500h3M8.5 3.500h5',
  docs: 'M4 2.500h5.500L12.5 5.500v8H4zM9.5 2.500v3h3M6.2 8.500h4M6.2 11h4',
  search: 'M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.400l3.4 3.4',
  sun: 'M8 10.800a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.600zM8 1.800v1.400M8 12.800v1.400M1.8 8h1.400M12.8 8h1.400M3.6 3.600l1 1M11.4 11.400l1 1M12.4 3.600l-1 1M4.6 11.400l-1 1',
  moon: 'M13 9.600A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.600z',
  send: 'M2.5 8h9M8 4l4 4-4 4',
  copy: 'M5.5 5.500h7.500v8H5.500zM3 10.500v-8h7.5',
  done: 'M3 8.500l3.2 3.200L13 5',
  close: 'M4 4l8 8M12 4l-8 8',
  back: 'M9.5 3.500L5 8l4.5 4.5',
  right: 'M6.5 4l4 4-4 4',
  download: 'M8 2.500v8M4.8 7.500L8 10.700l3.2-3.200M3 13.500h10',
  play: 'M5 3.500l7.5 4.500L5 12.500z',
  stop: 'M4.5 4.500h7v7h-7z',
  leave: 'M6.5 13.500h-4v-11h4M7 8h7M11 5l3 3-3 3',
  fold: 'M2.5 3h11v10h-11zM6.5 3v10M11.5 6L9.5 8l2 2',
  unfold: 'M2.5 3h11v10h-11zM6.5 3v10M9.5 6l2 2-2 2',
  retained: 'M5.5 2.500h5M6.5 2.500v4L4.5 9h7l-2-2.500v-4M8 9v5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }): ReactNode {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

/** The sign of Sonde: a trace that swings once. */
export function Mark({ size = 22 }: { readonly size?: number }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path
        d="M2 19h7l3.6-12 5.8 18 3.2-10.5 1.8 4.500H30"
        fill="none"
        stroke="var(--accent)"
        strokeWidth="2.8"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
