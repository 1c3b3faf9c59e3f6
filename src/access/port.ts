import type { CertificateIdentity } from '../certificates/index.ts';

/** How a connection reached us: what access rules may depend on, whatever the transport. */
export type Remote = {
  /** Peer address without port, e.g. `127.0.0.1`, `::1`, `192.168.1.7`. */
  readonly address: string;
  readonly port: number;
  readonly transport: 'tcp' | 'tls' | 'unix' | 'websocket' | 'secure websocket' | 'http' | 'https' | 'in-process';
  /** True only for a request that cannot come from another machine or another site's page: see `local.ts`. */
  readonly local: boolean;
  /** Of the client's certificate, when it brought one that was verified. */
  readonly certificate?: CertificateIdentity;
  /** Who needs no name at the listener that it came by; absent: as for the whole server. */
  readonly anonymous?: 'none' | 'local' | 'all';
};

/** What a CONNECT or an HTTP request says about who it is. */
export type Credentials = {
  readonly clientId: string;
  readonly username: string | null;
  readonly password: Uint8Array | null;
  readonly remote: Remote;
};

/** What a principal may do with topics. `all` lets the hot path skip the other three. */
export type TopicRules = {
  readonly all: boolean;
  readonly mayPublish: (topic: string) => boolean;
  /**
   * `partly`: some topics of the filter may be received, so each delivery is checked with `mayReceive`. `denied`: a rule
   * takes the filter away by name, and the client is not told why.
   */
  readonly maySubscribe: (filter: string) => 'yes' | 'partly' | 'no' | 'denied';
  readonly mayReceive: (topic: string) => boolean;
};

/** Who a connection is, once it is let in. */
export type Principal = {
  /** For people and logs: `anonymous`, the token's key, or the name in the certificate. */
  readonly name: string;
  readonly kind: 'anonymous' | 'token' | 'certificate';
  /** The namespace that it belongs to; `default` exists always. */
  readonly world: string;
  readonly rules: TopicRules;
  /** When its token was made: one that was made anew under the same key is somebody else. Absent: not of a token. */
  readonly since?: string;
};

/** Who a principal is, without what it may do. */
export type PrincipalName = Omit<Principal, 'rules'>;

export type Decision =
  | { readonly ok: true; readonly principal: Principal }
  /** `detail` is for the log, never for the peer. */
  | {
      readonly ok: false;
      readonly reason: 'bad-credentials' | 'not-authorized' | 'unavailable';
      readonly detail: string;
    };

/** The door. Answers at once where it can, so that a storm of known devices costs no promise each. */
export type Access = {
  readonly authenticate: (credentials: Credentials) => Decision | Promise<Decision>;
  /** Begins a run of an authentication method (MQTT 5.0, 3.1.2.11.9); null for one that is not known. Absent: none is. */
  readonly exchange?: (method: string, credentials: Credentials) => AuthExchange | null;
  /** Somebody who signed in earlier, as they may be now; null: nobody is that any more. Absent: nobody ever was. */
  readonly principalOf?: (who: PrincipalName, clientId: string) => Principal | null;
  /**
   * Calls back when the right of a token has ended or changed: its connections are to be closed. `isOver`: the token is
   * gone, and its sessions with it; else (a new secret, another permission) they wait for it to sign in again.
   */
  readonly onRevoked: (listener: (tokenKey: string, isOver: boolean) => void) => void;
};

/** What one message of a client leads to in enhanced authentication. */
export type AuthStep =
  /** The exchange goes on: this goes to the client (null: nothing beside the question itself). */
  | { readonly do: 'continue'; readonly data: Buffer | null }
  /** It is over; `data` goes with the good news. */
  | { readonly do: 'end'; readonly decision: Decision; readonly data: Buffer | null };

/** One run of enhanced authentication (MQTT 5.0, 4.12). Never longer than a few steps; after `end` it is thrown away. */
export type AuthExchange = { readonly next: (data: Uint8Array | null) => AuthStep };

/** One method of signing in. `null` means: not mine, ask the next. */
export type Authenticator = (credentials: Credentials) => Decision | null | Promise<Decision | null>;
