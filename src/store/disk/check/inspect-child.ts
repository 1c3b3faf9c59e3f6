import { spawn } from 'node:child_process';
import { locateProcess } from '../built-process.ts';
import type { TableFindings } from './inspect-table.ts';

/** What is known of a table after a look at it; `died`: how the process ended that had LMDB open it, null when it did not. */
export type Inspection = { readonly findings: TableFindings | null; readonly died: string | null };

/** `stop` ends the look; what comes of it then says nothing. */
export type InspectTable = (folder: string, stop?: AbortSignal) => Promise<Inspection>;

/** One that takes longer is given up: nothing that is sound does. */
const PATIENCE_MS = 120_000;
const LAST_WORDS = 500;

/** Looks at a table in a child process: where its file is damaged, LMDB kills the child and not the broker. */
export const inspectInChild: InspectTable = (folder, stop) =>
  new Promise((resolve, reject) => {
    // Not our own arguments: an inspector port or a test runner's loader has no business there.
    const child = spawn(process.execPath, [locateProcess('check/inspect-process.js', 'checks'), folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const end = (): void => void child.kill('SIGKILL');
    stop?.addEventListener('abort', end, { once: true });
    if (stop?.aborted) end();
    let said = '';
    let lastWords = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS);
    });
    const patience = setTimeout(end, PATIENCE_MS);
    child.on('error', (error) => {
      clearTimeout(patience);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(patience);
      stop?.removeEventListener('abort', end);
      const how = signal ?? `code ${code}`;
      resolve(inspectionOf(said, code === 0 ? null : `${how}${lastWords === '' ? '' : `: ${lastWords.trim()}`}`));
    });
  });

function inspectionOf(said: string, died: string | null): Inspection {
  let findings: TableFindings | null = null;
  let entries: number | null = null;
  for (const line of said.split('\n')) {
    // The last line of one that died may be cut off.
    if (!line.endsWith('}')) continue;
    const told = JSON.parse(line) as { readonly findings?: TableFindings; readonly entries?: number };
    findings = told.findings ?? findings;
    entries = told.entries ?? entries;
  }
  const expected = findings?.counts.reduce((sum, { found }) => sum + found, 0) ?? 0;
  if (died === null && entries !== null && entries !== expected) {
    return { findings, died: `LMDB finds ${entries} values, and there are ${expected}` };
  }
  return { findings, died };
}
