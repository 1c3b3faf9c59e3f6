import { Socket } from 'node:net';
import { messageOf, OperatorError } from '../base/index.ts';
import { leaveIdleClass, stepBack } from './child/priority.ts';
import { asHistoryError, plainMessage } from './duckdb/rows.ts';
import { type Engine, openEngine, WriterLost } from './engine.ts';
import { PIPE_FD } from './frames.ts';
import type { FromProcess, ToProcess } from './protocol.ts';

/** The history process. It lives as long as the IPC channel to the broker; see `protocol.ts` for what crosses. */

// What `ps` and `top` show, where they show it.
process.title = 'sonde history';
// What was measured is nobody's business but the owner's, whatever folder it lies in.
process.umask(0o077);

/** Where answers go that are bytes. */
const pipe = new Socket({ fd: PIPE_FD, readable: false, writable: true });
// The broker is gone: 'disconnect' follows.
pipe.on('error', () => {});

let engine: Engine | null = null;
let ending = false;

const say = (message: FromProcess): void => {
  // A channel that has just closed: the 'disconnect' handler ends the process.
  if (process.connected) process.send?.(message, () => {});
};

const failure = (id: number, error: unknown): FromProcess => {
  const { code, message } = asHistoryError(error);
  return { kind: 'failure', id, code, text: message };
};

const open = async (message: Extract<ToProcess, { kind: 'open' }>): Promise<void> => {
  const { niceness } = message.limits;
  if (!message.isWaitedFor) stepBack(niceness);
  try {
    engine = await openEngine(message.file, message.limits, message.run, say, pipe, message.crashed);
    if (message.isWaitedFor) stepBack(niceness);
    say({ kind: 'ready', positions: engine.positions() });
  } catch (error) {
    const advice = error instanceof OperatorError ? error.advice : 'See the log for what came before.';
    say({ kind: 'fatal', text: messageOf(error), advice });
  }
};

const end = async (checkpoint: boolean): Promise<void> => {
  if (ending) return;
  ending = true;
  try {
    await engine?.close(checkpoint);
    say({ kind: 'stopped' });
  } finally {
    if (process.connected) process.disconnect();
    process.exit(0);
  }
};

const write = (message: Extract<ToProcess, { kind: 'batch' }>): void => {
  engine?.write(message).then(say, (error: unknown) => {
    say({ kind: 'refused', batch: message.batch, text: plainMessage(error) });
    if (error instanceof WriterLost) process.exit(1);
  });
};

process.on('message', (message: ToProcess) => {
  switch (message.kind) {
    case 'open':
      void open(message);
      break;
    case 'batch':
      write(message);
      break;
    case 'call':
      if (engine === null) {
        // Asked while the database opens after a restart: an answer now, not silence for ever.
        say({ kind: 'failure', id: message.id, code: 'unavailable', text: 'history is opening its database' });
        break;
      }
      engine.answer(message.id, message.call).then(
        (value) => {
          if (value !== null) say({ kind: 'answer', id: message.id, value });
        },
        (error: unknown) => say(failure(message.id, error)),
      );
      break;
    case 'pull':
      engine?.pull(message.id, message.bytes);
      break;
    case 'cancel':
      engine?.cancel(message.id);
      break;
    case 'ping':
      say({ kind: 'pong' });
      break;
    case 'stop':
      void end(true);
      break;
  }
});

// The broker is gone: what it sent is committed, then the database is free for the next one.
process.on('disconnect', () => {
  leaveIdleClass();
  setTimeout(() => process.exit(1), 10_000).unref();
  void end(false);
});

// The broker decides when to stop; a Ctrl+C in the terminal reaches the whole group.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
