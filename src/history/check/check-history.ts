import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { locateChild } from '../child/locate.ts';
import { untold, wholeOf } from '../duckdb/exchange.ts';

/** What a look at history's files has found. */
export type HistoryReport = {
  readonly findings: readonly { readonly file: string; readonly what: string }[];
  /** Why it could not be looked at; null: it was. */
  readonly unable: string | null;
  readonly points: number;
  readonly texts: number;
};

type Line = {
  readonly finding?: { readonly file: string; readonly what: string };
  readonly unable?: string;
  readonly table?: string;
  readonly rows?: number;
};

const LAST_WORDS = 500;

/**
 * Reads all of a history file in a process of its own, and changes nothing; where there is a salvaged copy that has not taken its place
 * yet, that one. Null: there is none.
 */
export async function checkHistory(history: string): Promise<HistoryReport | null> {
  const copy = wholeOf(history);
  const isCopied = existsSync(copy);
  const file = isCopied ? copy : history;
  if (!existsSync(file)) return null;
  const state = isCopied
    ? `it is damaged, and what is sound of it is in ${basename(copy)}, which the next start puts in its place`
    : 'it was damaged and is mended, and the next start says what was found';
  const findings = untold(history).map(({ what }) => ({ file: history, what: `${state}: ${what}` }));
  const { lines, died } = await run(file);
  for (const { finding } of lines) if (finding !== undefined) findings.push(finding);
  if (died !== null) findings.push({ file, what: `the process that read it ended with ${died}` });
  const rowsOf = (name: string): number => lines.find(({ table }) => table === name)?.rows ?? 0;
  const unable = lines.find((line) => line.unable !== undefined)?.unable ?? null;
  return { findings, unable, points: rowsOf('point'), texts: rowsOf('text') };
}

function run(file: string): Promise<{ readonly lines: readonly Line[]; readonly died: string | null }> {
  return new Promise((resolve, reject) => {
    const path = locateChild('check/check-process');
    const child = spawn(process.execPath, [path, file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let lastWords = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const lines = said.split('\n').filter((line) => line.endsWith('}'));
      const died = code === 0 ? null : `${signal ?? `code ${code}`} ${lastWords.trim()}`.trim();
      resolve({ lines: lines.map((line) => JSON.parse(line) as Line), died });
    });
  });
}
