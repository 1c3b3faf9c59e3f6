import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useSyncExternalStore } from 'react';
import { formatCount } from '../model/format.ts';
import { SIMULATED_NAME } from '../model/simulated-device.ts';
import { useApp } from '../state/app-context.tsx';
import { Icon } from './icons.tsx';

/** As long as this page plays a device, it says so, with the way to stop it. */
export function SimulatorNote(): ReactNode {
  const { simulator } = useApp();
  const { running, sent, fault } = useSyncExternalStore(simulator.state.subscribe, simulator.state.get);
  if (!running) return null;
  return (
    <div className="strip" data-testid="simulator-note">
      <span>
        Simulated <span className="mono">{SIMULATED_NAME}</span> runs in this page:{' '}
        <span className="figure">{formatCount(sent)}</span> values sent.{' '}
        {fault !== '' && <span className="bad-text">{fault}</span>}
      </span>
      <Button
        size="compact-sm"
        variant="default"
        leftSection={<Icon name="stop" size={12} />}
        data-testid="simulate-stop"
        onClick={simulator.stop}
      >
        Stop
      </Button>
    </div>
  );
}
