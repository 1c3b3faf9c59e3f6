import { randomUUID } from 'node:crypto';
import { nothingReached } from '../base/index.ts';
import { createCalls } from './child/calls.ts';
import { download, jsonAnswer } from './child/download.ts';
import { createPriority } from './child/priority.ts';
import { createSupervisor } from './child/supervisor.ts';
import { type HistoryOptions, resolveLimits } from './options.ts';
import type { History, HistoryDamage, HistoryState, SeriesRow } from './port.ts';
import type { FromProcess, SeriesColumns } from './protocol.ts';
import { createRecorder } from './recorder/recorder.ts';

/** A batch that is not committed after this long: history is behind. */
const BEHIND_MS = 2000;
/** What the process has to end in, when it was asked for all that it was given. */
const END_MS = 1000;
/** Different damages that are told of. */
const MAX_DAMAGE = 100;

/**
 * History in the broker's process: the recorder, and the client of the history process.
 *
 * `start` rejects with OperatorError when the database cannot be opened (held, newer, not built). A damaged one is kept and
 * begun anew. Later faults are met by starting the process again; all are told by `status`.
 */
export function createHistory(options: HistoryOptions): History {
  const { clock, logger, reached = nothingReached() } = options;
  const limits = resolveLimits(options);
  const run = randomUUID();
  let dropped = 0;
  const damage: HistoryDamage[] = [];

  const supervisor = createSupervisor({
    file: options.file,
    limits,
    run,
    clock,
    logger,
    onReady: (positions) => {
      recorder.ready(positions);
      const { pid } = supervisor.state();
      if (pid !== null && limits.niceness > 0) priority.started(pid);
    },
    onGone: (reason) => {
      priority.gone();
      recorder.gone();
      calls.fail(reason);
    },
    onMessage: (message) => hear(message),
    onPiece: (id, bytes, truncated) => calls.piece(id, bytes, truncated),
  });
  const behindS = (): number => {
    const oldestUs = recorder.intake.oldestUs();
    return oldestUs === null ? 0 : Math.max(0, (clock.wallMicros() - oldestUs) / 1e6);
  };
  const recorder = createRecorder({ limits, run, clock, logger, reached, sink: { send: supervisor.send } });
  const priority = createPriority({ inFlightMs: () => recorder.state().inFlightMs, logger });
  const calls = createCalls(supervisor.send);

  const noteDamage = (found: HistoryDamage): void => {
    const isKnown = damage.some(({ file, what }) => file === found.file && what === found.what);
    if (isKnown || damage.length >= MAX_DAMAGE) return;
    damage.push(found);
    logger.error({ ...found }, 'history is damaged: what is sound goes on');
  };

  const hear = (message: FromProcess): void => {
    if (message.kind === 'committed') recorder.committed(message);
    else if (message.kind === 'refused') recorder.refused(message.batch, message.text);
    else if (message.kind === 'damage') noteDamage(message.damage);
    else if (message.kind === 'log') logger[message.level](message.fields, message.text);
    else calls.heard(message);
  };

  return {
    start: supervisor.start,
    stop: async (byMs = Number.POSITIVE_INFINITY) => {
      priority.gone();
      const endMs = Math.min(clock.monotonicMs() + limits.stopTimeoutMs + END_MS, byMs);
      await recorder.flush(endMs - END_MS);
      const { lostMessages } = recorder.close();
      if (lostMessages > 0) {
        dropped += lostMessages;
        logger.error({ messages: lostMessages }, 'QoS 0 messages were lost: history was down when Sonde stopped');
      }
      await supervisor.stop(endMs);
      calls.fail('it was stopped');
    },
    intake: recorder.intake.port,
    drain: recorder.attach,
    status: () => {
      const process = supervisor.state();
      const state = recorder.state();
      const { code, detail } = judge(
        process.phase,
        process.reason,
        state.refusal,
        state.inFlightMs,
        recorder.intake.port.crowded(),
      );
      return {
        state: code,
        detail,
        recordedMessages: state.messages,
        recordedPoints: state.points,
        droppedMessages: dropped,
        bufferedBytes: recorder.intake.held().bytes,
        behindS: behindS(),
        inFlightMs: state.inFlightMs,
        queuedMessages: state.queueEntries,
        lastCommitUs: state.lastCommitUs,
        series: state.series,
        restarts: process.restarts,
        pid: process.pid,
        damage,
      };
    },
    series: async (world, filter, limit) => {
      const incoming = calls.ask({ name: 'series', world, filter, limit });
      try {
        const came = await incoming.next();
        return seriesRows((came as { readonly value: SeriesColumns }).value);
      } finally {
        incoming.close();
      }
    },
    points: (query, limit) => jsonAnswer(calls.ask({ name: 'points', query, limit: Math.max(0, Math.floor(limit)) })),
    buckets: (query, buckets) =>
      jsonAnswer(calls.ask({ name: 'buckets', query, buckets: Math.max(1, Math.floor(buckets)) })),
    export: (query) => download(calls.ask({ name: 'export', query })),
    backup: async (file) => {
      const incoming = calls.ask({ name: 'backup', file });
      try {
        await incoming.next();
      } finally {
        incoming.close();
      }
    },
  };
}

function judge(
  phase: 'off' | 'starting' | 'up' | 'resting',
  reason: string,
  refusal: string | null,
  inFlightMs: number,
  crowded: boolean,
): { code: HistoryState; detail: string } {
  if (phase === 'off') return { code: 'down', detail: 'History is not running.' };
  if (phase === 'resting' || (phase === 'starting' && reason !== '')) {
    return { code: 'down', detail: `History is being started again (${reason}); what comes is kept until then.` };
  }
  if (phase === 'starting') return { code: 'starting', detail: 'History is opening its database.' };
  if (refusal !== null) return { code: 'down', detail: `History cannot write (${refusal}); what comes is kept.` };
  if (crowded) return { code: 'behind', detail: 'History is behind; publishers are read more slowly.' };
  if (inFlightMs > BEHIND_MS) return { code: 'behind', detail: 'History is behind.' };
  return { code: 'ok', detail: '' };
}

function seriesRows(columns: SeriesColumns): SeriesRow[] {
  return columns.ids.map((id, i) => ({
    id,
    topic: columns.topics[i]!,
    field: columns.fields[i]!,
    unit: columns.units[i]!,
    count: columns.counts[i]!,
    firstUs: columns.firsts[i]!,
    lastUs: columns.lasts[i]!,
    lastValue: columns.lastValues[i]!,
  }));
}
