import type { ReactNode } from 'react';
import { useEffect, useMemo, useState } from 'react';
import { clockOffset } from '../model/cadence.ts';
import type { Credentials } from '../net/credentials.ts';
import { loadCredentials, saveCredentials } from '../net/credentials.ts';
import type { Rest, Session } from '../net/rest.ts';
import { createRest, RestError } from '../net/rest.ts';
import type { App } from '../state/app-context.tsx';
import { AppProvider, createApp } from '../state/app-context.tsx';
import { Shell } from './shell.tsx';
import { SignIn } from './sign-in.tsx';

type Door =
  | { readonly at: 'asking' }
  | { readonly at: 'closed'; readonly why: string }
  | { readonly at: 'away' }
  | { readonly at: 'open'; readonly session: Session; readonly rest: Rest; readonly clockOffsetMs: number };

const RETRY_MS = 2000;

/** Who is it? Asks the server with what this tab knows; then the app, or the page to sign in. */
export function Root(): ReactNode {
  const [credentials, setCredentials] = useState(loadCredentials);
  const [door, setDoor] = useState<Door>({ at: 'asking' });
  const [attempt, setAttempt] = useState(0);
  const [why, setWhy] = useState('');

  // `attempt` is not read inside: another one is a reason to ask again.
  useEffect(() => {
    const abort = new AbortController();
    const rest = createRest(credentials);
    let timer: ReturnType<typeof setTimeout> | undefined;
    rest.session(abort.signal).then(
      (session) => {
        saveCredentials(credentials);
        setDoor({ at: 'open', session, rest, clockOffsetMs: clockOffset(session.now, Date.now()) });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        if (error instanceof RestError && (error.status === 401 || error.status === 403)) {
          saveCredentials(null);
          setDoor({ at: 'closed', why: closedText(error, credentials) });
          return;
        }
        setDoor({ at: 'away' });
        timer = setTimeout(() => setAttempt((n) => n + 1), RETRY_MS);
      },
    );
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [credentials, attempt]);

  const signIn = (next: Credentials | null): void => {
    setWhy('');
    setDoor({ at: 'asking' });
    setCredentials(next);
    setAttempt((n) => n + 1);
  };

  if (door.at === 'open') {
    const signOut = (reason: string): void => {
      saveCredentials(null);
      setWhy(reason);
      setDoor({ at: 'asking' });
      setCredentials(null);
      setAttempt((n) => n + 1);
    };
    return <SignedIn key={attempt} door={door} credentials={credentials} signOut={signOut} />;
  }
  if (door.at === 'away') return <Waiting text="The server does not answer. It is tried again every two seconds." />;
  if (door.at === 'asking' && attempt === 0) return <Waiting text="" />;
  return <SignIn why={why || (door.at === 'closed' ? door.why : '')} busy={door.at === 'asking'} onSubmit={signIn} />;
}

type SignedInProps = {
  readonly door: Extract<Door, { at: 'open' }>;
  readonly credentials: Credentials | null;
  readonly signOut: (why: string) => void;
};

function SignedIn({ door, credentials, signOut }: SignedInProps): ReactNode {
  const [app, setApp] = useState<App | null>(null);
  const input = useMemo(() => ({ ...door, credentials, signOut }), [door, credentials, signOut]);
  // One connection for one sign-in, whatever else changes in `input`.
  useEffect(() => {
    const [made, end] = createApp(input);
    setApp(made);
    return end;
  }, [door.session, credentials]);
  if (app === null) return <Waiting text="" />;
  return (
    <AppProvider value={app}>
      <Shell />
    </AppProvider>
  );
}

function Waiting({ text }: { readonly text: string }): ReactNode {
  return (
    <output className="waiting" data-testid="waiting">
      {text}
    </output>
  );
}

function closedText(error: RestError, credentials: Credentials | null): string {
  if (error.status === 403) return error.message;
  return credentials === null ? '' : 'The key or the secret is wrong, or the key was revoked.';
}
