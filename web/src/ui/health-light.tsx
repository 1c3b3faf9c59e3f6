import { Popover } from '@mantine/core';
import type { ReactNode } from 'react';
import { formatClock, formatCount, formatRate } from '../model/format.ts';
import { useStatus } from '../state/app-context.tsx';

/** One light that says in words what is wrong; a click says more. */
export function HealthLight(): ReactNode {
  const { health, status } = useStatus();
  const lastCommit = status?.history.lastCommitUs ?? null;
  return (
    <Popover width={300} position="bottom-end" shadow="md" withinPortal>
      <Popover.Target>
        <button
          type="button"
          className="health"
          data-testid="health"
          data-level={health.level}
          aria-label={`Health: ${health.words}`}
        >
          <span className="lamp" aria-hidden="true" />
          <span className="health-words" role="status">
            {health.words}
          </span>
        </button>
      </Popover.Target>
      <Popover.Dropdown className="health-more">
        <p>{health.detail}</p>
        {status !== null && (
          <dl>
            <dt>Clients connected</dt>
            <dd className="figure">{formatCount(status.clients)}</dd>
            <dt>Messages a second</dt>
            <dd className="figure">{formatRate(status.messagesPerSecond)}</dd>
            <dt>Last commit to history</dt>
            <dd className="figure">{lastCommit === null ? 'none yet' : formatClock(lastCommit)}</dd>
            <dt>Sessions and retained messages</dt>
            <dd>{status.store === 'disk' ? 'on disk' : 'in memory: gone after a restart of Sonde'}</dd>
          </dl>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
