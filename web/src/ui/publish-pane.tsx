import type { ReactNode } from 'react';
import { go } from '../state/view.ts';
import { Icon } from './icons.tsx';
import { PublishForm } from './publish-form.tsx';
import { StartLines } from './start-lines.tsx';

/** The pane while no topic is open. */
export function PublishPane({ closable }: { readonly closable: boolean }): ReactNode {
  return (
    <div className="pane">
      {closable ? (
        <button type="button" className="back" onClick={() => go({ publish: false })}>
          <Icon name="back" /> Topics
        </button>
      ) : (
        <p className="quiet pane-hint">Choose a topic to see its values over time.</p>
      )}
      <PublishForm topic="" />
      <section className="block">
        <h2>From a device</h2>
        <StartLines />
      </section>
    </div>
  );
}
