import { HistoryError } from '../port.ts';
import type { Answer, Call, FromProcess, ToProcess } from '../protocol.ts';

/** Questions to the history process, and what it sends afterwards under their number. */
export type Calls = {
  readonly ask: (call: Call, onMore?: (message: FromProcess) => void) => Promise<{ id: number; answer: Answer }>;
  /** No more is wanted of this number. */
  readonly forget: (id: number) => void;
  readonly heard: (message: FromProcess) => void;
  /** The process is gone: every open question is answered with `unavailable`. */
  readonly fail: (reason: string) => void;
};

type Open = {
  readonly resolve: (value: { id: number; answer: Answer }) => void;
  readonly reject: (error: HistoryError) => void;
  readonly onMore: ((message: FromProcess) => void) | undefined;
};

export function createCalls(send: (message: ToProcess) => boolean): Calls {
  const asked = new Map<number, Open>();
  const followed = new Map<number, (message: FromProcess) => void>();
  let last = 0;

  return {
    ask: (call, onMore) =>
      new Promise((resolve, reject) => {
        last += 1;
        const id = last;
        asked.set(id, { resolve, reject, onMore });
        if (send({ kind: 'call', id, call })) return;
        asked.delete(id);
        reject(new HistoryError('unavailable', 'history is not there at the moment'));
      }),
    forget: (id) => {
      followed.delete(id);
    },
    heard: (message) => {
      if (!('id' in message)) return;
      const open = asked.get(message.id);
      if (open === undefined) {
        followed.get(message.id)?.(message);
        return;
      }
      asked.delete(message.id);
      if (message.kind === 'failure') open.reject(new HistoryError(message.code, message.text));
      else if (message.kind === 'answer') {
        if (open.onMore !== undefined) followed.set(message.id, open.onMore);
        open.resolve({ id: message.id, answer: message.value });
      }
    },
    fail: (reason) => {
      const error = `history went away: ${reason}`;
      for (const open of asked.values()) open.reject(new HistoryError('unavailable', error));
      asked.clear();
      for (const [id, more] of followed) more({ kind: 'failure', id, code: 'unavailable', text: error });
      followed.clear();
    },
  };
}
