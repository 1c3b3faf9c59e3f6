import type { ReactNode } from 'react';
import { useSyncExternalStore } from 'react';
import { formatClock, formatExact, formatNumber } from '../model/format.ts';
import type { FieldHistory, RecentValue } from '../state/field-history.ts';

const SHOWN = 12;

/** The newest values one by one, newest first, with the exact time on hover. */
export function RecentValues({
  field,
  history,
}: {
  readonly field: string;
  readonly history: FieldHistory;
}): ReactNode {
  const { recent } = useSyncExternalStore(history.subscribe, history.snapshot);
  if (recent.length === 0) return null;
  return (
    <section className="block recent">
      <h2>
        Newest of <span className="mono">{field}</span>
      </h2>
      <table>
        <thead className="sr-only">
          <tr>
            <th>Time</th>
            <th>Value</th>
            <th>Place</th>
          </tr>
        </thead>
        <tbody>
          {recent
            .slice(-SHOWN)
            .reverse()
            .map((one, i, all) => (
              // Two values may share a microsecond.
              <tr key={`${one.atUs}-${all.length - i}`}>
                <td className="figure quiet" title={formatExact(one.atUs)}>
                  {formatClock(one.atUs)}
                </td>
                <td className="figure">{showRecent(one.value)}</td>
                <td className={one.onDisk ? 'quieter small' : 'warn-text small'}>
                  {one.onDisk ? 'on disk' : 'arrived'}
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  );
}

function showRecent(value: RecentValue['value']): string {
  if (typeof value === 'number') return formatNumber(value);
  if (value === null) return 'gap';
  return typeof value === 'string' ? value : 'binary';
}
