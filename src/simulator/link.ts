import type { DeviceMessage } from './device.ts';

/** One connection of a device. When it is gone it does not come back: the device opens another. */
export type Link = {
  /** Resolves when QoS 0 was handed over or QoS 1 was acknowledged; rejects when the connection ended before. */
  readonly publish: (message: DeviceMessage) => Promise<void>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** Sends DISCONNECT once everything under way is acknowledged, then closes. */
  readonly end: () => Promise<void>;
  /** Closes now, as a power cut would. */
  readonly cut: () => void;
};

export type LinkRequest = {
  readonly clientId: string;
  readonly clean: boolean;
  readonly will: DeviceMessage | null;
  /** Gives up connecting; what is open already stays open. */
  readonly signal: AbortSignal;
};

/** Opens a connection; rejects when it is refused or nobody answers. */
export type OpenLink = (request: LinkRequest) => Promise<Link>;

/** Where a device connects to, and as whom. */
export type LinkTarget = {
  /** `mqtt://host:port` or `ws://host:port/mqtt`. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
};

const CONNECT_TIMEOUT_MS = 10_000;

/** Links through MQTT.js, as small devices connect: 3.1.1, keep-alive 0 (the server must not time them out). */
export function mqttLinks(target: LinkTarget): OpenLink {
  return async ({ clientId, clean, will, signal }) => {
    const { connect } = await import('mqtt');
    const client = connect(target.url, {
      clientId,
      clean,
      keepalive: 0,
      protocolVersion: 4,
      // The device's own loop reconnects, with a new client, so that a repeated sample carries no DUP flag.
      reconnectPeriod: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      ...(target.username === undefined ? {} : { username: target.username }),
      ...(target.password === undefined ? {} : { password: target.password }),
      ...(will === null ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
    });
    let fault: Error | null = null;
    client.on('error', (error) => {
      fault ??= error;
    });
    const closed = new Promise<void>((resolve) => {
      client.once('close', () => resolve());
    });
    const lost = closed.then((): never => {
      throw fault ?? new Error('the connection was closed');
    });
    // Races below take this rejection over; without a race nobody waits for it.
    lost.catch(() => {});

    const cut = () => {
      client.end(true);
    };
    const connected = new Promise<void>((resolve) => {
      client.once('connect', () => resolve());
    });
    signal.addEventListener('abort', cut);
    try {
      await Promise.race([connected, lost]);
    } finally {
      signal.removeEventListener('abort', cut);
    }

    return {
      publish: async ({ topic, payload, qos, retain }) => {
        await Promise.race([client.publishAsync(topic, payload, { qos, retain }), lost]);
      },
      closed,
      end: async () => {
        await client.endAsync();
      },
      cut,
    };
  };
}
