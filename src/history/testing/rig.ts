import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nothingReached, type Reached, systemClock } from '../../base/index.ts';
import { createHistory } from '../history.ts';
import type { HistoryLimits } from '../options.ts';
import type { History } from '../port.ts';
import { until } from './wait.ts';

export type LogLine = { readonly level: string; readonly text: string; readonly fields: Record<string, unknown> };

/** History with a real process behind it, in a folder of its own. */
export type Rig = {
  readonly folder: string;
  readonly file: string;
  readonly history: History;
  readonly log: LogLine[];
  readonly reached: Reached;
  /** Offers a QoS 0 message of world 1. */
  readonly publish: (topic: string, payload: string | Uint8Array, arrivedUs?: number, world?: number) => boolean;
  /** Waits until so many messages are committed since this history was made. */
  readonly recorded: (messages: number) => Promise<void>;
};

const encoder = new TextEncoder();

export function createRig(folder: string, limits: Partial<HistoryLimits> = {}): Rig {
  const log: LogLine[] = [];
  const note =
    (level: string) =>
    (fields: Record<string, unknown>, text: string): void => {
      log.push({ level, text, fields });
    };
  const file = join(folder, 'history.duckdb');
  const clock = systemClock();
  const reached = nothingReached();
  const history = createHistory({
    file,
    clock,
    reached,
    logger: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    commitIntervalMs: 20,
    restartMs: 20,
    niceness: 0,
    ...limits,
  });
  const keys = new Map<string, object>();
  return {
    folder,
    file,
    history,
    log,
    reached,
    publish: (topic, payload, arrivedUs = clock.wallMicros(), world = 1) => {
      const name = `${world} ${topic}`;
      let key = keys.get(name);
      if (key === undefined) {
        key = {};
        keys.set(name, key);
      }
      const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload;
      return history.intake.offer(key, world, topic, bytes, 0, bytes.length, arrivedUs);
    },
    recorded: (messages) =>
      until(`${messages} recorded messages`, () => history.status().recordedMessages >= messages, 20_000),
  };
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'sonde-history-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
