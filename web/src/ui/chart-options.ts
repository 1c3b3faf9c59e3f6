import type uPlot from 'uplot';
import { formatNumber } from '../model/format.ts';

export type ChartColours = {
  readonly line: string;
  readonly text: string;
  readonly grid: string;
  readonly surface: string;
};

/** `times`: whether the times stand below; of stacked charts only the last one shows them. */
export type ChartBox = { readonly width: number; readonly height: number; readonly times: boolean };

export type ChartHooks = {
  /** Index under the pointer, or null when it is away. */
  readonly onCursor: (index: number | null) => void;
  /** A span was dragged over, seconds since 1970. */
  readonly onSelect: (fromS: number, toS: number) => void;
};

/** Order of the series in uPlot; 0 is time. */
export const VALUE = 1;
export const MIN = 2;
export const MAX = 3;
export const PENDING = 4;

const MOST_RINGS = 8;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** Options of one field's plot. Times are in the reader's zone, 24 hours, the day only where it changes. */
export function chartOptions(box: ChartBox, colours: ChartColours, hooks: ChartHooks): uPlot.Options {
  const axis = {
    stroke: colours.text,
    font: '11px system-ui, sans-serif',
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    width: box.width,
    height: box.height,
    padding: [10, 14, box.times ? 0 : 6, 0],
    legend: { show: false },
    cursor: {
      sync: { key: 'topic', setSeries: false },
      drag: { x: true, y: false, setScale: false },
      // A ring on the line; the edges of the band have none.
      points: { size: 7, width: 2, stroke: ring(colours.line), fill: ring(colours.surface) },
      y: false,
    },
    scales: { x: { time: true, auto: false }, y: { range: yRange } },
    axes: [
      box.times ? { ...axis, space: 76, values: TIMES } : { ...axis, space: 76, size: 0, values: () => [] },
      { ...axis, size: 58, gap: 6, values: (_, ticks) => ticks.map((tick) => formatNumber(tick)) },
    ],
    series: [
      {},
      { stroke: colours.line, width: 1.6, points: { size: 4, fill: colours.line } },
      { stroke: 'transparent', points: { show: false } },
      { stroke: 'transparent', points: { show: false } },
      {
        stroke: colours.line,
        width: 1.6,
        dash: [3, 4],
        points: { show: fewPending, size: 6, width: 1.4, fill: colours.surface },
      },
    ],
    bands: [{ series: [MAX, MIN], fill: `${colours.line}2e` }],
    hooks: {
      setCursor: [(plot) => hooks.onCursor(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          if (wide < 4) return;
          hooks.onSelect(plot.posToVal(left, 'x'), plot.posToVal(left + wide, 'x'));
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        },
      ],
    },
  };
}

const ring = (colour: string) => (_: uPlot, series: number) =>
  series === MIN || series === MAX ? 'transparent' : colour;

/** Rings while they can be told apart; a fast topic has a dashed line only. */
function fewPending(plot: uPlot): boolean {
  let count = 0;
  const pending = plot.data[PENDING] ?? [];
  for (let i = pending.length - 1; i >= 0 && pending[i] != null; i--) count += 1;
  return count <= MOST_RINGS;
}

/** A margin above and below; a flat line gets a band around it, so that it does not stick to an edge. */
function yRange(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [0, 1];
  if (min === max) {
    const around = Math.abs(min) * 0.02 || 1;
    return [min - around, max + around];
  }
  const margin = (max - min) * 0.12;
  return [min - margin, max + margin];
}

// Columns: least tick distance, format, then the format where year, month, day, hour, minute, second roll over, and mode.
const TIMES: uPlot.Axis.Values = [
  [365 * DAY, '{YYYY}', null, null, null, null, null, null, 1],
  [28 * DAY, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [DAY, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [HOUR, '{HH}:{mm}', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
  [0.001, '{ss}.{fff}', '\n{HH}:{mm}', null, null, null, '\n{HH}:{mm}', null, 1],
];
