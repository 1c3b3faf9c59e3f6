import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import type { MouseEvent, ReactNode } from 'react';
import { useApp } from '../state/app-context.tsx';
import { go } from '../state/view.ts';
import type { IconName } from './icons.tsx';
import { Icon, Mark } from './icons.tsx';

/** The left rail, a bottom bar on phones: only what exists. */
export function Rail({ folded, onFold }: { readonly folded: boolean; readonly onFold: () => void }): ReactNode {
  const { signedIn, session, signOut } = useApp();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('dark');
  const other = scheme === 'dark' ? 'light' : 'dark';

  const home = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    go({ topic: null, search: '', publish: false });
  };

  return (
    <nav className="rail" aria-label="Pages">
      <a className="brand" href="./" onClick={home} title="Sonde">
        <Mark />
        <span className="word">Sonde</span>
      </a>
      <a className="rail-item" href="./" onClick={home} aria-current="page">
        <Icon name="topics" />
        <span className="word">Topics</span>
      </a>
      <a
        className="rail-item"
        href="/api/docs"
        target="_blank"
        rel="noreferrer"
        title="REST interface, described and to try out"
      >
        <Icon name="docs" />
        <span className="word">API docs</span>
      </a>
      <span className="rail-gap" />
      <RailButton
        icon={scheme === 'dark' ? 'sun' : 'moon'}
        word={other === 'light' ? 'Light' : 'Dark'}
        onClick={() => setColorScheme(other)}
      />
      {signedIn && (
        <RailButton
          icon="leave"
          word="Sign out"
          title={`Signed in as ${session.principal}`}
          onClick={() => signOut('')}
        />
      )}
      <span className="fold">
        <RailButton icon={folded ? 'unfold' : 'fold'} word={folded ? 'Unfold' : 'Fold'} onClick={onFold} />
      </span>
    </nav>
  );
}

type RailButtonProps = {
  readonly icon: IconName;
  readonly word: string;
  readonly title?: string;
  readonly onClick: () => void;
};

function RailButton({ icon, word, title, onClick }: RailButtonProps): ReactNode {
  return (
    <button type="button" className="rail-item" title={title ?? word} onClick={onClick}>
      <Icon name={icon} />
      <span className="word">{word}</span>
    </button>
  );
}
