import type { ReactNode } from 'react';

/** Names of the columns; hidden where a row takes two lines. */
export function ColumnHeads(): ReactNode {
  return (
    <div className="column-heads" aria-hidden="true">
      <span>Topic</span>
      <span>Last value</span>
      <span className="col-spark">Trend</span>
      <span className="col-count">Messages</span>
      <span className="col-age">Age</span>
    </div>
  );
}
