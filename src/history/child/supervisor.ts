import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { type Clock, type Logger, messageOf, OperatorError, readShared } from '../../base/index.ts';
import { FrameReader, type OnPiece, PIPE_FD } from '../frames.ts';
import type { HistoryLimits } from '../options.ts';
import type { FromProcess, ToProcess } from '../protocol.ts';
import type { Stretch } from '../stretches.ts';
import { locateProcess } from './locate.ts';

/**
 * Keeps one history process alive.
 *
 *     off --start--> starting --ready--> up --exit--> resting (back-off) --> starting
 *                       |  fatal before the first ready: start() rejects
 *     any --stop--> off
 */
export type Supervisor = {
  /** `mayOpen`: the process begins at once, and opens the file when this resolves. */
  readonly start: (mayOpen?: Promise<unknown>) => Promise<void>;
  /** Asks the process to end, and ends it when it does not by `deadlineMs` (monotonic). */
  readonly stop: (deadlineMs: number) => Promise<void>;
  /** False when there is no process to send to. */
  readonly send: (message: ToProcess) => boolean;
  readonly state: () => SupervisorState;
};

export type SupervisorState = {
  readonly phase: 'off' | 'starting' | 'up' | 'resting';
  /** Why it is not up; empty when it is. */
  readonly reason: string;
  readonly restarts: number;
  readonly pid: number | null;
};

export type SupervisorOptions = {
  readonly file: string;
  readonly limits: HistoryLimits;
  readonly run: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onReady: (positions: readonly Stretch[]) => void;
  readonly onGone: (reason: string) => void;
  readonly onMessage: (message: FromProcess) => void;
  /** Bytes of an answer. */
  readonly onPiece: OnPiece;
};

/** After this long without a fault the back-off begins anew. */
const HEALTHY_MS = 20_000;
const PING_MS = 5000;
/** libuv threads of the process: DuckDB's writer, queries and exports each hold one. */
const POOL_THREADS = '12';
/** JavaScript heap of the process: batches, the catalog of series and answers; DuckDB's memory is beside it. */
const HEAP_MB = 512;
const LAST_WORDS = 2000;
/** A process that ends so while it opens the file was not killed by anybody. */
const CRASHES: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE']);
/** After so many of them the file is set aside. */
const MAX_CRASHES = 3;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { limits, clock, logger } = options;
  let child: ChildProcess | null = null;
  let phase: SupervisorState['phase'] = 'off';
  let reason = '';
  let restarts = 0;
  let pauseMs = limits.restartMs;
  let upSinceMs = 0;
  let heardMs = 0;
  let resting: NodeJS.Timeout | null = null;
  let heartbeat: NodeJS.Timeout | null = null;
  let wasUp = false;
  let crashes = 0;
  let first: { resolve: () => void; reject: (error: Error) => void } | null = null;

  const launch = (mayOpen: Promise<unknown> | null = null): void => {
    phase = 'starting';
    const isWaitedFor = first !== null;
    let lastWords = '';
    let fatal: OperatorError | null = null;
    const path = locateProcess();
    const process_ = fork(path, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
      // Not the broker's own: an inspector port or a test runner's loader has no business there.
      execArgv: [`--max-old-space-size=${HEAP_MB}`],
      env: { ...process.env, UV_THREADPOOL_SIZE: POOL_THREADS },
    });
    child = process_;
    heardMs = clock.monotonicMs();
    try {
      if (process_.pid !== undefined && !isWaitedFor) setPriority(process_.pid, limits.niceness);
    } catch {
      // Gone already, or not allowed: it tries itself too.
    }
    process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS);
    });
    const frames = new FrameReader(options.onPiece);
    const pipe = readShared(process_.stdio[PIPE_FD] as Socket, () => ({
      receive: (bytes, length) => frames.read(bytes, length),
    }));
    pipe.on('error', () => {}); // The process is gone: its 'exit' follows.
    process_.on('message', (message) => {
      heardMs = clock.monotonicMs();
      const said = message as FromProcess;
      if (said.kind === 'ready') {
        phase = 'up';
        crashes = 0;
        reason = '';
        wasUp = true;
        upSinceMs = clock.monotonicMs();
        first?.resolve();
        first = null;
        options.onReady(said.positions);
      } else if (said.kind === 'fatal') {
        fatal = new OperatorError(said.text, said.advice);
        process_.kill('SIGKILL');
      } else if (said.kind !== 'pong') options.onMessage(said);
    });
    const gone = (how: string): void => {
      if (child !== process_) return;
      child = null;
      const why = fatal?.message ?? (lastWords.trim() === '' ? how : `${how}: ${lastWords.trim()}`);
      if (phase === 'off') return;
      reason = why;
      options.onGone(why);
      if (first !== null && fatal !== null) {
        phase = 'off';
        stopHeartbeat();
        first.reject(fatal);
        first = null;
        return;
      }
      rest(why);
    };
    process_.on('error', (error) => gone(messageOf(error)));
    process_.on('exit', (code, signal) => {
      if (phase === 'starting' && signal !== null && CRASHES.has(signal)) crashes += 1;
      gone(
        signal === null ? `the history process ended with code ${code}` : `the history process was ended by ${signal}`,
      );
    });
    const crashed = crashes >= MAX_CRASHES;
    if (crashed) crashes = 0;
    const open = (): void => {
      if (child === process_)
        send({ kind: 'open', file: options.file, limits, run: options.run, crashed, isWaitedFor });
    };
    if (mayOpen === null) open();
    else mayOpen.then(open, () => {}); // whoever refused it stops this process, too
  };

  const rest = (why: string): void => {
    phase = 'resting';
    if (wasUp && clock.monotonicMs() - upSinceMs > HEALTHY_MS) pauseMs = limits.restartMs;
    wasUp = false;
    logger.warn({ reason: why, againInMs: pauseMs }, 'history is down, what comes is kept until it is back');
    resting = setTimeout(() => {
      resting = null;
      restarts += 1;
      try {
        launch();
      } catch (error) {
        reason = messageOf(error);
        rest(reason);
      }
    }, pauseMs);
    pauseMs = Math.min(pauseMs * 2, limits.maxRestartMs);
  };

  const send = (message: ToProcess): boolean => {
    if (child === null || !child.connected) return false;
    // An error here means that the process has just gone: its 'exit' follows and says all.
    child.send(message, () => {});
    return true;
  };

  const beat = (): void => {
    if (child === null || phase === 'off') return;
    if (clock.monotonicMs() - heardMs > limits.silenceMs) {
      logger.error(
        { pid: child.pid, silenceMs: limits.silenceMs },
        'the history process says nothing, it is started again',
      );
      child.kill('SIGKILL');
      return;
    }
    send({ kind: 'ping' });
  };

  const stopHeartbeat = (): void => {
    if (heartbeat !== null) clearInterval(heartbeat);
    heartbeat = null;
  };

  return {
    start: (mayOpen) =>
      new Promise<void>((resolve, reject) => {
        first = { resolve, reject };
        try {
          launch(mayOpen);
        } catch (error) {
          phase = 'off';
          first = null;
          reject(error as Error);
          return;
        }
        heartbeat = setInterval(beat, PING_MS);
        heartbeat.unref();
      }),
    stop: async (deadlineMs) => {
      stopHeartbeat();
      if (resting !== null) clearTimeout(resting);
      phase = 'off';
      const ending = child;
      if (ending === null || ending.exitCode !== null) return;
      const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
      send({ kind: 'stop' });
      const patience = setTimeout(
        () => {
          logger.warn({ pid: ending.pid }, 'the history process did not end in time and was killed');
          ending.kill('SIGKILL');
        },
        Math.max(0, deadlineMs - clock.monotonicMs()),
      );
      await ended;
      clearTimeout(patience);
      child = null;
    },
    send,
    state: () => ({ phase, reason, restarts, pid: child?.pid ?? null }),
  };
}
