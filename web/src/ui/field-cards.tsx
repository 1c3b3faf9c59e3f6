import { useComputedColorScheme } from '@mantine/core';
import type { ReactNode } from 'react';
import { useState } from 'react';
import { isStale } from '../model/cadence.ts';
import { seriesColour } from '../model/colour.ts';
import { formatNumber } from '../model/format.ts';
import type { Series } from '../net/rest.ts';
import type { TopicMemory } from '../state/topic-memory.ts';
import { go } from '../state/view.ts';

const FIRST_CARDS = 11;

type Props = {
  readonly topic: string;
  readonly known: readonly string[];
  /** Fields that have a chart now. */
  readonly chosen: readonly string[];
  readonly memory: TopicMemory | undefined;
  readonly series: readonly Series[];
  readonly nowMs: number;
};

/** Each field's value now, large; a click shows or hides its chart. */
export function FieldCards({ topic, known, chosen, memory, series, nowMs }: Props): ReactNode {
  const scheme = useComputedColorScheme('dark');
  const [all, setAll] = useState(false);
  const shown =
    all || known.length <= FIRST_CARDS ? known : known.filter((field, i) => i < FIRST_CARDS || chosen.includes(field));
  const at = memory?.preview.at ?? null;
  const stale = at === null || isStale(nowMs - at / 1000, memory?.cadence);
  const toggle = (field: string): void => {
    const next = chosen.includes(field)
      ? chosen.filter((one) => one !== field)
      : known.filter((one) => one === field || chosen.includes(one));
    if (next.length > 0) go({ fields: next });
  };
  return (
    <fieldset className="cards" aria-label="Fields">
      {shown.map((field) => {
        const live = memory?.reading.fields.find((one) => one.field === field);
        const stored = series.find((one) => one.field === field);
        const value = live === undefined ? stored?.lastValue : live.value;
        const on = chosen.includes(field);
        return (
          <button
            key={field}
            type="button"
            className="card"
            aria-pressed={on}
            data-testid="field"
            data-field={field}
            data-stale={stale || live === undefined || undefined}
            title={known.length > 1 ? (on ? `Hide the chart of ${field}` : `Show the chart of ${field}`) : field}
            onClick={() => toggle(field)}
          >
            <span className="card-name mono">
              <span
                className="swatch"
                style={{ background: on ? seriesColour(topic, field, scheme) : 'transparent' }}
              />
              {field}
            </span>
            <span
              key={memory?.changes ?? 0}
              className={memory !== undefined && memory.changes > 0 ? 'card-value figure glow' : 'card-value figure'}
            >
              {showValue(value)}
              {stored?.unit != null && <small>{stored.unit}</small>}
            </span>
          </button>
        );
      })}
      {known.length > FIRST_CARDS && (
        <button type="button" className="card more-cards" onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `${known.length - shown.length} more fields`}
        </button>
      )}
    </fieldset>
  );
}

function showValue(value: unknown): string {
  if (typeof value === 'number') return formatNumber(value);
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : 'binary';
}
