import type { HostSetup } from './host.ts';
import type { HostResult } from './result.ts';

/** What the coordinator asks of a generator process; each request has one reply. */
export type Request =
  | { readonly step: 'listen'; readonly setup: HostSetup }
  | { readonly step: 'connect' }
  | { readonly step: 'start' }
  | { readonly step: 'stop' }
  | { readonly step: 'drain'; readonly sent: readonly number[]; readonly deadlineMs: number }
  | { readonly step: 'result'; readonly sent: readonly number[] }
  | { readonly step: 'close' };

export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly text: string };

/** The value of the reply to each step that has one. */
export type ReplyValues = {
  readonly stop: readonly (readonly [publisher: number, sent: number])[];
  readonly result: HostResult;
};
