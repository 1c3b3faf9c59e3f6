import { Button, SegmentedControl } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { useState } from 'react';
import type { Range, RangeKind } from '../model/ranges.ts';
import { RANGE_LABELS, windowOf } from '../model/ranges.ts';
import { useApp } from '../state/app-context.tsx';
import { go } from '../state/view.ts';

/** The span of time, and two fields for a span of one's own. */
export function RangePicker({ range }: { readonly range: Range }): ReactNode {
  const { nowMs } = useApp();
  const choose = (kind: RangeKind): void => {
    if (kind !== 'custom') {
      go({ range: { kind } });
      return;
    }
    const now = nowMs();
    const { fromMs, toMs } = windowOf(range, now);
    go({ range: { kind, fromMs: Math.floor(fromMs ?? now - 86_400_000), toMs: Math.ceil(toMs ?? now) } });
  };
  return (
    <>
      <SegmentedControl
        aria-label="Time range"
        data-testid="range"
        size="xs"
        value={range.kind}
        onChange={(value) => choose(value as RangeKind)}
        data={RANGE_LABELS.map(([value, label]) => ({ value, label }))}
      />
      {range.kind === 'custom' && (
        <CustomSpan key={`${range.fromMs}-${range.toMs}`} fromMs={range.fromMs} toMs={range.toMs} />
      )}
    </>
  );
}

function CustomSpan({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): ReactNode {
  const [from, setFrom] = useState(localText(fromMs));
  const [to, setTo] = useState(localText(toMs));
  const [fault, setFault] = useState('');

  const apply = (event: FormEvent): void => {
    event.preventDefault();
    const span = { fromMs: Date.parse(from), toMs: Date.parse(to) };
    if (!(span.fromMs < span.toMs)) setFault('The first time must be before the second.');
    else go({ range: { kind: 'custom', ...span } });
  };

  return (
    <form className="span" onSubmit={apply}>
      <label>
        <span className="quiet small">From</span>
        <input type="datetime-local" step="1" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        <span className="quiet small">To</span>
        <input type="datetime-local" step="1" value={to} onChange={(event) => setTo(event.currentTarget.value)} />
      </label>
      <Button type="submit" size="compact-sm" variant="default">
        Show
      </Button>
      {fault !== '' && <span className="bad-text small">{fault}</span>}
    </form>
  );
}

/** What `datetime-local` takes: the reader's zone, to the second. */
function localText(ms: number): string {
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}
