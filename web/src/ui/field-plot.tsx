import { useComputedColorScheme } from '@mantine/core';
import type { ReactNode } from 'react';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import uPlot from 'uplot';
import type { Columns } from '../model/chart-columns.ts';
import { summarise } from '../model/chart-columns.ts';
import { seriesColour } from '../model/colour.ts';
import { formatExact, formatNumber } from '../model/format.ts';
import type { Range } from '../model/ranges.ts';
import { drawnWindow } from '../model/ranges.ts';
import { useApp, useNow } from '../state/app-context.tsx';
import type { FieldHistory } from '../state/field-history.ts';
import { oncePerFrame } from '../state/frame.ts';
import { go } from '../state/view.ts';
import { chartOptions } from './chart-options.ts';

type Props = {
  readonly topic: string;
  readonly field: string;
  readonly unit: string | null;
  readonly range: Range;
  readonly history: FieldHistory;
  /** The first value of all on disk, milliseconds since 1970; null when history knows none. */
  readonly firstMs: number | null;
  readonly height: number;
  /** Whether the times stand below it. */
  readonly times: boolean;
};

/** One field over time, drawn at most once a frame. */
export function FieldPlot({ topic, field, unit, range, firstMs, history, height, times }: Props): ReactNode {
  const { nowMs } = useApp();
  const place = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  const scheme = useComputedColorScheme('dark');
  const [width, setWidth] = useState(0);
  const snapshot = useSyncExternalStore(history.subscribe, history.snapshot);
  const colour = seriesColour(topic, field, scheme);
  const draw = useRef<() => void>(() => {});
  useNow();

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = place.current;
    if (element === null || width === 0) return;
    const style = getComputedStyle(element);
    const token = (name: string) => style.getPropertyValue(name).trim();
    const colours = { line: colour, text: token('--text-3'), grid: token('--line-1'), surface: token('--surface-1') };
    const plot = new uPlot(
      chartOptions({ width, height, times }, colours, {
        onCursor: (index) => showReadout(readout.current, history.snapshot().columns, index, unit),
        onSelect: (fromS, toS) =>
          go({ range: { kind: 'custom', fromMs: Math.floor(fromS * 1000), toMs: Math.ceil(toS * 1000) } }),
      }),
      [[], [], [], [], []],
      element,
    );
    draw.current = oncePerFrame(() => {
      if (plot.root.isConnected)
        update(plot, history.snapshot().columns, windowSeconds(history.snapshot().columns, range, firstMs, nowMs()));
    });
    draw.current();
    return () => {
      draw.current = () => {};
      plot.destroy();
    };
  }, [width, height, times, colour, history, range, firstMs, nowMs, unit]);

  // Each render is a reason to draw: a new snapshot, or a second that went by.
  useEffect(() => draw.current());

  const { columns, kind, loading, fault, recent } = snapshot;
  const onlyText = recent.length > 0 && recent.every(({ value }) => value !== null && typeof value !== 'number');
  const [fromS, toS] = windowSeconds(columns, range, firstMs, nowMs());
  const facts = summarise(columns, fromS, toS);
  const pending = columns.pendingCount;
  return (
    <figure
      className="plot"
      data-testid="chart-plot"
      data-field={field}
      data-points={columns.x.length}
      data-pending={pending}
      data-kind={kind}
    >
      <figcaption>
        <span className="swatch" style={{ background: colour }} />
        <b className="mono">{field}</b>
        {unit !== null && <span className="quiet">{unit}</span>}
        <span ref={readout} className="readout figure" />
        <span className="plot-facts figure quiet">
          {facts !== null && (
            <>
              <span>min {formatNumber(facts.min)}</span>
              <span>mean {formatNumber(Number(facts.mean.toPrecision(5)))}</span>
              <span>max {formatNumber(facts.max)}</span>
            </>
          )}
        </span>
      </figcaption>
      {onlyText && <p className="note">Text has no line. Its newest values are below.</p>}
      <div ref={place} className="plot-place" style={{ height }} hidden={onlyText}>
        {columns.x.length === 0 && (
          <p className="plot-empty quiet">{loading ? 'Reading history…' : fault || 'No values in this span.'}</p>
        )}
      </div>
      {fault !== '' && columns.x.length > 0 && (
        <p className="note warn">{fault} What came since this page opened is drawn.</p>
      )}
    </figure>
  );
}

function update(plot: uPlot, columns: Columns, [min, max]: readonly [number, number]): void {
  plot.batch(() => {
    plot.setData([columns.x, columns.value, columns.min, columns.max, columns.pending], false);
    plot.setScale('x', { min, max });
  });
}

function windowSeconds(
  columns: Columns,
  range: Range,
  firstMs: number | null,
  nowMs: number,
): readonly [from: number, to: number] {
  const seenMs = columns.x[0] === undefined ? null : columns.x[0] * 1000;
  const first = seenMs === null ? firstMs : Math.min(seenMs, firstMs ?? seenMs);
  const { fromMs, toMs } = drawnWindow(range, nowMs, first);
  return [fromMs / 1000, toMs / 1000];
}

/** Straight into the page: the pointer moves more often than React should draw. */
function showReadout(element: HTMLElement | null, columns: Columns, index: number | null, unit: string | null): void {
  if (element === null) return;
  const value = index === null ? undefined : columns.value[index];
  if (index === null || value === null || value === undefined) {
    element.textContent = '';
    return;
  }
  const min = columns.min[index];
  const max = columns.max[index];
  const band =
    typeof min === 'number' && typeof max === 'number' && min !== max
      ? ` (${formatNumber(min)} to ${formatNumber(max)})`
      : '';
  const atUs = columns.x[index]! * 1e6;
  element.textContent = `${formatNumber(value)}${unit === null ? '' : ` ${unit}`}${band}  ${formatExact(atUs).split('\n')[0]}`;
}
