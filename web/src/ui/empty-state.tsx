import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useSyncExternalStore } from 'react';
import { SIMULATED_NAME } from '../model/simulated-device.ts';
import { useApp } from '../state/app-context.tsx';
import { go } from '../state/view.ts';
import { Icon } from './icons.tsx';
import { RecordedList } from './recorded-list.tsx';
import { StartLines } from './start-lines.tsx';
import { useRecorded } from './use-recorded.ts';

/** Before the first value: the line to copy, and the button that makes data. */
export function EmptyState(): ReactNode {
  const { simulator, session } = useApp();
  const recorded = useRecorded('#', 200).slice(0, 24);
  const { running } = useSyncExternalStore(simulator.state.subscribe, simulator.state.get);
  return (
    <div className="empty" data-testid="empty-state">
      <div className="empty-card">
        <div className="empty-trace" aria-hidden="true" />
        <h1>{recorded.length > 0 ? 'No value since the start' : 'No value yet'}</h1>
        <RecordedList topics={recorded} title="On disk from before" />
        <p className="quiet">
          The broker listens. The first message that a device publishes appears here within a second, is recorded, and
          has a chart of its own.
        </p>
        <h2>
          <span className="step">1</span> Send one from a terminal or a device
        </h2>
        <StartLines />
        <h2>
          <span className="step">2</span> Or let this page play a device
        </h2>
        <div className="empty-row">
          <Button
            data-testid="simulate-button"
            leftSection={<Icon name={running ? 'stop' : 'play'} />}
            disabled={!session.publish}
            onClick={running ? simulator.stop : simulator.start}
          >
            {running ? 'Stop the simulated device' : 'Start a simulated device'}
          </Button>
          <p className="quieter small">
            An <span className="mono">{SIMULATED_NAME}</span>: temperature, pressure and humidity on{' '}
            <span className="mono">/sensors/…</span> every two seconds, until stopped or until this page closes.
          </p>
        </div>
        <p className="empty-row quiet small">
          <button type="button" className="link" onClick={() => go({ publish: true })}>
            Publish by hand
          </button>
        </p>
      </div>
    </div>
  );
}
