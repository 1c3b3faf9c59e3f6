import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { dist } from '../../../scripts/workshop/paths.mjs';
import { covers, type Stretch } from '../../../src/history/stretches.ts';
import { openSmall } from '../../../src/store/disk/testing/small-store.ts';
import { idOf } from './history-load.ts';

/** What a data folder holds of the messages that were published, without starting Sonde on it. */
export type Held = {
  /** The identifiers of messages in history, and of those in the recorder's queue that history says it has not. */
  readonly ids: readonly number[];
  /** Damage that history or the store has found. */
  readonly damage: readonly string[];
};

export type HistoryLook = {
  /** Looks into a folder, and changes what is in it as a start does. */
  readonly look: (folder: string) => Promise<Held>;
  readonly end: () => void;
};

type Looked = {
  readonly rows: readonly [string, string][];
  readonly positions: readonly Stretch[];
  readonly damage: readonly object[];
  readonly error?: string;
};

/** Opens DuckDB in a process of its own, which is one for many folders: what it crashes does not end the test. */
export function startHistoryLook(): HistoryLook {
  const program = fileURLToPath(new URL('./history-look.mjs', import.meta.url));
  const child = spawn(process.execPath, [program, dist], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  const history = async (folder: string): Promise<Looked> => {
    child.stdin.write(`${join(folder, 'history.duckdb')}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`the process that opens history ended (${child.exitCode ?? child.signalCode})`);
    const looked = JSON.parse(value as string) as Looked;
    if (looked.error !== undefined) throw new Error(`history does not open: ${looked.error}`);
    return looked;
  };

  return {
    look: async (folder) => {
      const { rows, positions, damage } = await history(folder);
      const store = await openSmall(join(folder, 'store'));
      try {
        const entries = await store.read(store.openQueue('recorder'), 0, 1e9, 1e12);
        const source = `queue:${store.incarnation}`;
        const waiting = entries.filter(({ number }) => !covers(positions, source, number, number));
        const text = new TextDecoder();
        return {
          ids: [
            ...rows.map(([topic, value]) => idOf(topic, value)),
            ...waiting.map(({ message }) => idOf(message.topic, text.decode(message.payload))),
          ],
          damage: [...damage, ...store.damage].map((each) => JSON.stringify(each)),
        };
      } finally {
        await store.close();
      }
    },
    end: () => void child.kill('SIGKILL'),
  };
}
