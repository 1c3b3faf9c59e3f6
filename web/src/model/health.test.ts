import { describe, expect, it } from 'vitest';
import type { HistoryState, ServerStatus } from './digest.ts';
import type { HealthInput } from './health.ts';
import { healthOf } from './health.ts';

const status = (state: HistoryState, more: Partial<ServerStatus> = {}): ServerStatus => ({
  status: 'ok',
  detail: '',
  namespace: 'default',
  clients: 1,
  messagesPerSecond: 0,
  history: { state, detail: '', lastCommitUs: null },
  store: 'memory',
  ...more,
});
const well: HealthInput = {
  phase: 'connected',
  linkDetail: '',
  status: status('ok'),
  statusAgeMs: 500,
  connectedForMs: 9000,
};
const words = (change: Partial<HealthInput>) => healthOf({ ...well, ...change }).words;

describe('health in words', () => {
  it('says that all is well only with a fresh report', () => {
    expect(healthOf(well)).toMatchObject({ level: 'ok', words: 'All is well' });
    expect(words({ statusAgeMs: 4500 })).toBe('The server is silent');
    expect(words({ status: null, statusAgeMs: null })).toBe('The server is silent');
    expect(words({ status: null, statusAgeMs: null, connectedForMs: 100 })).toBe('Connected');
  });

  it('puts the connection before everything else', () => {
    expect(words({ phase: 'reconnecting', status: status('down') })).toBe('MQTT disconnected, reconnecting');
    expect(
      healthOf({ ...well, phase: 'reconnecting', linkDetail: 'The server closed it: the server is shutting down.' })
        .detail,
    ).toContain('shutting down');
    expect(words({ phase: 'refused' })).toBe('MQTT connection refused');
  });

  it('says when the broker refused a view', () => {
    expect(words({ linkDetail: 'The broker refused 1 of the views.' })).toBe('Not all can be shown');
  });

  it('names each fault of history', () => {
    expect(words({ status: status('behind') })).toBe('History is behind');
    expect(words({ status: status('down') })).toBe('History is down');
    expect(words({ status: status('starting') })).toBe('History is starting');
    expect(words({ status: status('off') })).toBe('Live, nothing recorded');
  });

  it('shows another fault with the sentence of the server', () => {
    const degraded = healthOf({
      ...well,
      status: status('ok', { status: 'degraded', detail: 'The disk is nearly full.' }),
    });
    expect(degraded).toMatchObject({ level: 'warn', detail: 'The disk is nearly full.' });
  });
});
