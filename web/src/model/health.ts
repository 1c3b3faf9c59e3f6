import type { ServerStatus } from './digest.ts';
import { formatAge } from './format.ts';

/** The connection to the broker, as the page sees it. */
export type LinkPhase = 'connecting' | 'connected' | 'reconnecting' | 'refused' | 'ended';

export type Health = {
  readonly level: 'ok' | 'wait' | 'warn' | 'bad';
  /** What is wrong, in a few words. */
  readonly words: string;
  /** What it means and what happens next. */
  readonly detail: string;
};

export type HealthInput = {
  readonly phase: LinkPhase;
  /** Why the link is not up, when the server said so. */
  readonly linkDetail: string;
  readonly status: ServerStatus | null;
  /** Milliseconds since the last `$sonde/status`; null when none came on this connection. */
  readonly statusAgeMs: number | null;
  /** Milliseconds since the connection came up. */
  readonly connectedForMs: number;
};

const SILENT_MS = 4000;

/** The worst thing first; one sentence each. */
export function healthOf(input: HealthInput): Health {
  const { phase, linkDetail, status, statusAgeMs, connectedForMs } = input;
  if (phase === 'connecting') return { level: 'wait', words: 'Connecting', detail: 'Opening the MQTT connection.' };
  if (phase === 'reconnecting') {
    return {
      level: 'bad',
      words: 'MQTT disconnected, reconnecting',
      detail: `${linkDetail || 'The connection to the broker is gone.'} Values stand still; it is tried again each second.`,
    };
  }
  if (phase === 'refused') {
    return {
      level: 'bad',
      words: 'MQTT connection refused',
      detail: linkDetail || 'The broker did not let this page in.',
    };
  }
  if (phase === 'ended')
    return { level: 'bad', words: 'MQTT disconnected', detail: 'This page has ended its connection.' };
  if (statusAgeMs === null && connectedForMs < SILENT_MS) {
    return { level: 'wait', words: 'Connected', detail: 'Waiting for the first report of the server.' };
  }
  if (status === null || statusAgeMs === null || statusAgeMs > SILENT_MS) {
    const age = statusAgeMs ?? connectedForMs;
    return {
      level: 'warn',
      words: 'The server is silent',
      detail: `Connected, but nothing was heard for ${formatAge(age)}. Values may be older than they look.`,
    };
  }
  if (linkDetail !== '') return { level: 'warn', words: 'Not all can be shown', detail: linkDetail };
  return historyHealth(status);
}

function historyHealth(status: ServerStatus): Health {
  const { state, detail } = status.history;
  if (state === 'down') {
    return {
      level: 'bad',
      words: 'History is down',
      detail: detail || 'Nothing is being recorded; it is being restarted.',
    };
  }
  if (state === 'behind') {
    return {
      level: 'warn',
      words: 'History is behind',
      detail: detail || 'Values reach the disk later than they arrive.',
    };
  }
  if (status.status === 'degraded') {
    return { level: 'warn', words: 'Degraded', detail: status.detail || 'The server reports a fault; see its log.' };
  }
  if (state === 'starting')
    return { level: 'wait', words: 'History is starting', detail: detail || 'Charts come in a moment.' };
  if (state === 'off') {
    return {
      level: 'ok',
      words: 'Live, nothing recorded',
      detail: 'History is switched off: values are shown, not kept.',
    };
  }
  return { level: 'ok', words: 'All is well', detail: 'Connected, and history is on disk.' };
}
