import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { Credentials } from '../net/credentials.ts';
import type { Link } from '../net/link.ts';
import { openLink } from '../net/link.ts';
import type { Rest, Session } from '../net/rest.ts';
import type { Simulator } from './simulator.ts';
import { createSimulator } from './simulator.ts';
import type { StatusSnapshot, StatusStore } from './status-store.ts';
import { createStatusStore } from './status-store.ts';
import type { TopicMemories } from './topic-memory.ts';
import { createTopicMemories } from './topic-memory.ts';
import type { TreeStore } from './tree-store.ts';
import { createTreeStore } from './tree-store.ts';

/** All that lives as long as one sign-in. */
export type App = {
  readonly session: Session;
  /** Whether a key was given: anonymous pages have none. */
  readonly signedIn: boolean;
  readonly rest: Rest;
  readonly link: Link;
  readonly memories: TopicMemories;
  readonly tree: TreeStore;
  readonly status: StatusStore;
  readonly simulator: Simulator;
  /** The server's wall clock, milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly signOut: (why: string) => void;
};

export type AppInput = {
  readonly session: Session;
  readonly credentials: Credentials | null;
  readonly rest: Rest;
  readonly clockOffsetMs: number;
  readonly signOut: (why: string) => void;
};

/** Opens the connection and everything on it; the second value ends them. */
export function createApp(input: AppInput): readonly [app: App, end: () => void] {
  const { session, credentials, rest, clockOffsetMs, signOut } = input;
  const link = openLink(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/mqtt`, credentials);
  const memories = createTopicMemories();
  const tree = createTreeStore(link, memories);
  const status = createStatusStore(link);
  const simulator = createSimulator(link);
  const nowMs = () => Date.now() - clockOffsetMs;
  const app = {
    session,
    signedIn: credentials !== null,
    rest,
    link,
    memories,
    tree,
    status,
    simulator,
    nowMs,
    signOut,
  };
  return [
    app,
    () => {
      simulator.stop();
      tree.end();
      status.end();
      link.end();
    },
  ];
}

const Context = createContext<App | null>(null);
export const AppProvider = Context.Provider;

export function useApp(): App {
  const app = useContext(Context);
  if (app === null) throw new Error('used outside of a signed-in page');
  return app;
}

export function useStatus(): StatusSnapshot {
  const { status } = useApp();
  return useSyncExternalStore(status.subscribe, status.snapshot);
}

/** Draws again each `periodMs`, and gives the server's time: for ages. */
export function useNow(periodMs = 1000): number {
  const { nowMs } = useApp();
  const [now, setNow] = useState(nowMs);
  useEffect(() => {
    const timer = setInterval(() => setNow(nowMs()), periodMs);
    return () => clearInterval(timer);
  }, [nowMs, periodMs]);
  // The timer may be late; an age is never shown for a time that is known to be past.
  return Math.max(now, nowMs());
}
