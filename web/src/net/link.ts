import type { MqttClient } from 'mqtt';
import mqtt from 'mqtt';
import type { LinkPhase } from '../model/health.ts';
import type { Credentials } from './credentials.ts';
import { reasonText } from './reasons.ts';

export type LinkState = {
  readonly phase: LinkPhase;
  /** Why, when it is known; one sentence. */
  readonly detail: string;
  /** `performance.now()` of the last change. */
  readonly sinceMs: number;
  /** Counts connections: another number means that everything was subscribed anew. */
  readonly epoch: number;
};

export type Publish = {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
};

/** This page's own MQTT connection: digests in, publishes out. Reconnects by itself until ended. */
export type Link = {
  readonly state: () => LinkState;
  readonly onState: (listener: () => void) => () => void;
  /** Receives a digest's frames while anybody watches it; shared, and made good again after a reconnect. */
  readonly watch: (digest: string, onFrame: (text: string) => void) => () => void;
  /** Resolves when it was sent (QoS 0) or acknowledged (1, 2); rejects with a sentence. */
  readonly publish: (message: Publish) => Promise<void>;
  readonly end: () => void;
};

const RECONNECT_MS = 1000;
const BAD_CREDENTIALS = new Set([0x86, 0x87, 0x8c]);

export function openLink(url: string, credentials: Credentials | null): Link {
  const listeners = new Set<() => void>();
  const watchers = new Map<string, Set<(text: string) => void>>();
  let state: LinkState = { phase: 'connecting', detail: '', sinceMs: performance.now(), epoch: 0 };

  const client: MqttClient = mqtt.connect(url, {
    protocolVersion: 5,
    clientId: randomClientId(),
    clean: true,
    keepalive: 60,
    connectTimeout: 5000,
    reconnectPeriod: RECONNECT_MS,
    reconnectOnConnackError: true,
    resubscribe: false,
    queueQoSZero: false,
    // A worker for timers would need a blob: address, which a strict content policy refuses.
    timerVariant: 'native',
    ...(credentials === null ? {} : { username: credentials.key, password: credentials.secret }),
  });

  const move = (phase: LinkPhase, detail: string, epoch = state.epoch): void => {
    state = { phase, detail, sinceMs: performance.now(), epoch };
    for (const listener of listeners) listener();
  };

  const subscribe = (digests: readonly string[]): void => {
    if (digests.length === 0 || !client.connected) return;
    client.subscribe([...digests], { qos: 0 }, (error, granted) => {
      const refused = granted?.filter((grant) => grant.qos >= 0x80).length ?? 0;
      if (state.phase !== 'connected' || (refused === 0 && !error)) return;
      move('connected', `The broker refused ${refused || 'some'} of the views that this page asked for.`);
    });
  };

  client.on('connect', () => {
    subscribe([...watchers.keys()]);
    move('connected', '', state.epoch + 1);
  });
  client.on('message', (topic, payload) => {
    const interested = watchers.get(topic);
    if (interested === undefined) return;
    const text = payload.toString();
    for (const onFrame of interested) onFrame(text);
  });
  client.on('disconnect', (packet) => {
    move('reconnecting', `The server closed it: ${reasonText(packet.reasonCode ?? 0)}.`);
  });
  client.on('close', () => {
    if (state.phase === 'connected') move('reconnecting', '');
    else if (state.phase === 'connecting') move('reconnecting', 'The broker does not answer.');
  });
  client.on('error', (error) => {
    const code = (error as { code?: unknown }).code;
    if (typeof code !== 'number') return;
    if (!BAD_CREDENTIALS.has(code)) {
      move('reconnecting', `The broker does not let it in: ${reasonText(code)}.`);
      return;
    }
    move('refused', `${capital(reasonText(code))}.`);
    client.end(true);
  });

  return {
    state: () => state,
    onState: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    watch: (digest, onFrame) => {
      const known = watchers.get(digest);
      const set = known ?? new Set();
      set.add(onFrame);
      watchers.set(digest, set);
      // A second watcher needs a full frame too, and only a new subscription brings one.
      if (known !== undefined && client.connected) client.unsubscribe(digest);
      subscribe([digest]);
      return () => {
        set.delete(onFrame);
        if (set.size > 0 || watchers.get(digest) !== set) return;
        watchers.delete(digest);
        if (client.connected) client.unsubscribe(digest);
      };
    },
    publish: ({ topic, payload, qos, retain }) =>
      new Promise((resolve, reject) => {
        if (!client.connected) {
          reject(new Error('Not sent: there is no connection to the broker.'));
          return;
        }
        client.publish(topic, payload, { qos, retain }, (error) => {
          if (!error) resolve();
          else reject(new Error(refusal(error)));
        });
      }),
    end: () => {
      listeners.clear();
      watchers.clear();
      client.end(true);
    },
  };
}

function refusal(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'number' ? `Refused: ${reasonText(code)}.` : `Not sent: ${String(message)}.`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `crypto.randomUUID` exists only in secure contexts; `getRandomValues` everywhere. */
function randomClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
