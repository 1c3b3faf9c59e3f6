import { SegmentedControl } from '@mantine/core';
import type { ReactNode } from 'react';
import { useState } from 'react';
import { isLoopback, starterLines } from '../model/starter-lines.ts';
import { useApp } from '../state/app-context.tsx';
import { CopyButton } from './copy-button.tsx';

/** The line to copy that sends a first value, in the reader's tool. */
export function StartLines(): ReactNode {
  const { session, signedIn } = useApp();
  const host = location.hostname;
  const starters = starterLines({ host, mqttPort: session.mqttPort ?? 1883, origin: location.origin, signedIn });
  const [chosen, setChosen] = useState('mosquitto');
  const starter = starters.find(({ id }) => id === chosen) ?? starters[0]!;
  return (
    <div className="start-lines">
      <SegmentedControl
        size="xs"
        aria-label="Tool"
        value={starter.id}
        onChange={setChosen}
        data={starters.map(({ id, label }) => ({ value: id, label }))}
      />
      <div className="code-line">
        <pre className="mono" data-testid="start-line">
          {starter.text}
        </pre>
        <CopyButton text={starter.text} what="line" />
      </div>
      <p className="quieter small">
        {signedIn && 'KEY and SECRET stand for those of a token. '}
        {isLoopback(host)
          ? 'From another machine, put this machine’s address in place of the host, and add the key and the secret of a token (sonde token create).'
          : !signedIn && 'Anonymous access is open here: no key is needed.'}
      </p>
    </div>
  );
}
