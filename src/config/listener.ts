import type { TlsSettings } from '../certificates/index.ts';
import type { ListenerRules } from '../transport/index.ts';

/** Where to listen. `host` null: every interface. Port 0: one that the system picks. */
export type ListenAddress = { readonly host: string | null; readonly port: number };

export type PlainListener = ListenAddress & ListenerRules;
export type TlsListener = ListenAddress & ListenerRules & { readonly tls: TlsSettings };
export type UnixListener = ListenerRules & {
  /** Absolute. */
  readonly path: string;
  /** Permissions of the socket file. */
  readonly mode: number;
};
