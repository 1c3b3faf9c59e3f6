import { listenAddressText } from './listen-address.ts';
import type { PlainListener, TlsListener, UnixListener } from './listener.ts';

/** What a client has to bring at one listener. `local`: a token, unless it is on this machine. */
export type Needs = 'nothing' | 'local' | 'token' | 'certificate';

/** A listener for people (`mqtts *:8883`), and what it asks for. */
export type ListenerNeeds = { readonly listener: string; readonly needs: Needs };

export type Listeners = {
  readonly mqtt: readonly PlainListener[];
  readonly mqtts: readonly TlsListener[];
  readonly http: readonly PlainListener[];
  readonly https: readonly TlsListener[];
  readonly unix: readonly UnixListener[];
};

/** What each listener asks of its clients: by its own rules, and where it has none by `anonymous` of the server. */
export function listenerNeeds(listeners: Listeners, anonymous: 'none' | 'local' | 'all'): readonly ListenerNeeds[] {
  const policy = (one: Pick<PlainListener, 'anonymous' | 'proxy'>): Needs => {
    const own = one.anonymous ?? anonymous;
    // What comes by a proxy is never local.
    return own === 'all' ? 'nothing' : own === 'none' || one.proxy !== undefined ? 'token' : 'local';
  };
  const named = (kind: 'mqtt' | 'mqtts' | 'http' | 'https') =>
    listeners[kind].map((one) => ({
      listener: `${kind} ${listenAddressText(one)}`,
      needs: 'tls' in one && namesUsers(one) ? ('certificate' as const) : policy(one),
    }));
  return [
    ...named('mqtt'),
    ...named('mqtts'),
    ...listeners.unix.map((one) => ({ listener: `unix ${one.path}`, needs: policy(one) })),
    ...named('http'),
    ...named('https'),
  ];
}

/** Whoever is let in by a certificate is whom it names, never anonymous. */
function namesUsers({ tls }: TlsListener): boolean {
  return tls.clientCertificates === 'require' && tls.certificateUser !== 'none';
}
