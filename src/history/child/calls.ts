import { HistoryError } from '../port.ts';
import type { Call, FromProcess, ToProcess } from '../protocol.ts';
import { Incoming } from './incoming.ts';

/** Questions to the history process, and what comes of them under their number. */
export type Calls = {
  /** Puts a question; an error of `next` is a HistoryError. Who asks closes it. */
  readonly ask: (call: Call) => Incoming;
  readonly heard: (message: FromProcess) => void;
  readonly piece: (id: number, bytes: Uint8Array, truncated: boolean) => void;
  /** The process is gone: every open question fails with `unavailable`. */
  readonly fail: (reason: string) => void;
};

export function createCalls(send: (message: ToProcess) => boolean): Calls {
  const open = new Map<number, Incoming>();
  let last = 0;

  return {
    ask: (call) => {
      last += 1;
      const id = last;
      const incoming = new Incoming({
        pull: (bytes) => void send({ kind: 'pull', id, bytes }),
        close: (ended) => {
          open.delete(id);
          if (!ended) send({ kind: 'cancel', id });
        },
      });
      open.set(id, incoming);
      if (!send({ kind: 'call', id, call })) {
        incoming.fail(new HistoryError('unavailable', 'history is not there at the moment'));
      }
      return incoming;
    },
    heard: (message) => {
      if (!('id' in message)) return;
      const incoming = open.get(message.id);
      if (message.kind === 'failure') incoming?.fail(new HistoryError(message.code, message.text));
      else if (message.kind === 'answer') incoming?.push({ kind: 'answer', value: message.value });
      else if (message.kind === 'file') incoming?.push({ kind: 'file', path: message.path });
    },
    piece: (id, bytes, truncated) => {
      const incoming = open.get(id);
      if (incoming === undefined) return;
      incoming.truncated ||= truncated;
      if (bytes.length === 0) incoming.push({ kind: 'end' });
      else incoming.pushBytes(bytes);
    },
    fail: (reason) => {
      const error = new HistoryError('unavailable', `history went away: ${reason}`);
      for (const incoming of open.values()) incoming.fail(error);
    },
  };
}
