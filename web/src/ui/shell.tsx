import { useLocalStorage } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { useEffect } from 'react';
import { useApp, useStatus } from '../state/app-context.tsx';
import { Rail } from './rail.tsx';
import { SimulatorNote } from './simulator-note.tsx';
import { TopBar } from './top-bar.tsx';
import { TopicsPage } from './topics-page.tsx';

/** The frame around every page: rail, top bar, page. */
export function Shell(): ReactNode {
  const { signOut, signedIn } = useApp();
  const { health, status } = useStatus();
  const [folded, setFolded] = useLocalStorage({ key: 'sonde.rail-folded', defaultValue: false });
  const namespace = status?.namespace ?? '';

  // A key that was revoked, or anonymous access that ended: the door must be asked again.
  const refused = health.words === 'MQTT connection refused';
  useEffect(() => {
    if (refused) signOut(signedIn ? 'The key is no longer valid: it was revoked, or the server was set up anew.' : '');
  }, [refused, signedIn, signOut]);

  useEffect(() => {
    document.title = namespace === '' ? 'Sonde' : `Topics · ${namespace} · Sonde`;
  }, [namespace]);

  return (
    <div className="shell" data-folded={folded || undefined}>
      <Rail folded={folded} onFold={() => setFolded(!folded)} />
      <TopBar />
      <main className="page">
        <SimulatorNote />
        <TopicsPage />
      </main>
    </div>
  );
}
