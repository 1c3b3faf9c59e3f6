import type { ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import { useApp } from '../state/app-context.tsx';
import { go, useView } from '../state/view.ts';
import { HealthLight } from './health-light.tsx';
import { Icon } from './icons.tsx';

/** Namespace, search, health. */
export function TopBar(): ReactNode {
  const { session } = useApp();
  return (
    <header className="bar">
      <span className="namespace" title="The namespace of this page: a world of topics of its own">
        <span className="quieter">namespace</span> <b>{session.namespace}</b>
      </span>
      <SearchBox />
      <HealthLight />
    </header>
  );
}

function SearchBox(): ReactNode {
  const { search } = useView();
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'k') return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  return (
    <label className="search">
      <Icon name="search" />
      <span className="sr-only">Search topics</span>
      <input
        ref={input}
        type="search"
        data-testid="search"
        placeholder="Search topics, or lab/+/temp"
        value={search}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="none"
        onChange={(event) => go({ search: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          if (search === '') event.currentTarget.blur();
          else go({ search: '' });
        }}
      />
      <kbd>Ctrl K</kbd>
    </label>
  );
}
