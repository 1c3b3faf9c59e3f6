import { join } from 'node:path';
import { Command } from 'commander';
import { listTokens, tokenFileOf } from '../../access/index.ts';
import { messageOf, OperatorError } from '../../base/index.ts';
import { goneFiles, HISTORY_FILE, lookAtDataFolder, resolveSettings, STORE_FOLDER } from '../../config/index.ts';
import { checkHistory } from '../../history/index.ts';
import { checkStore } from '../../store/index.ts';
import type { CliContext } from '../context.ts';
import { ExitError } from '../errors.ts';

type Flags = { readonly data?: string; readonly config?: string };

/** What was found in one of the three parts of a data folder. */
type Part = {
  /** One line each. */
  readonly findings: readonly string[];
  /** One line each: what is to be known, and may be as its owner wants it. */
  readonly notes?: readonly string[];
  /** Why it could not be looked at; null: it was. */
  readonly unable: string | null;
  /** What there is. */
  readonly summary: string;
};

/** `sonde check`: looks at every file of a data folder, and changes nothing. Ends with 0 sound, 1 damaged, 2 not checked. */
export function checkCommand(context: CliContext): Command {
  return new Command('check')
    .description(
      'verify a data folder that no Sonde uses: ends with 0 (sound), 1 (damaged) or 2 (could not be checked)',
    )
    .option('--data <dir>', 'data folder (default ./sonde-data)')
    .option('--config <file>', 'configuration file (YAML)')
    .action(async ({ data, config }: Flags) => {
      const settings = resolveSettings({ flags: { data, config }, env: context.env, cwd: context.cwd });
      const parts = await lookAt(settings.data);
      const findings = parts.flatMap((part) => part.findings);
      const unable = parts.flatMap((part) => part.unable ?? []);
      for (const line of findings) await context.stdout.write(`damaged: ${line}\n`);
      for (const line of parts.flatMap(({ notes = [] }) => notes)) await context.stdout.write(`note: ${line}\n`);
      for (const line of unable) await context.stdout.write(`not checked: ${line}\n`);
      for (const { summary } of parts) if (summary !== '') await context.stdout.write(`${summary}\n`);
      if (findings.length > 0) {
        const what = `${settings.data} is damaged: ${findings.length === 1 ? '1 finding' : `${findings.length} findings`}`;
        throw new ExitError(
          1,
          what,
          'Copy the folder; then sonde serve starts with what is sound, and keeps the rest. Only a damaged tokens.json stops it: restore that, or move it away.',
        );
      }
      if (unable.length > 0) throw new ExitError(2, `${settings.data} could not be checked`, 'See the lines above.');
      await context.stdout.write(`${settings.data} is sound\n`);
    });
}

async function lookAt(folder: string): Promise<readonly Part[]> {
  const { unlocked, end } = refusing(() => lookAtDataFolder(folder));
  let parts: readonly Part[];
  try {
    parts = [tokens(folder), await store(folder), await history(folder)];
  } finally {
    refusing(end);
  }
  const note = `${folder} was looked at without its lock, which cannot be written (${unlocked}): start no Sonde there meanwhile`;
  return unlocked === null ? parts : [{ findings: [], notes: [note], unable: null, summary: '' }, ...parts];
}

/** A folder that cannot be looked at ends the command with 2. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof OperatorError ? new ExitError(2, error.message, error.advice) : error;
  }
}

function tokens(folder: string): Part {
  const file = tokenFileOf(folder);
  if (goneFiles(folder, file).tokens) {
    const what = `${file}: it is gone; a start makes a new first token, and does not know those that were made before`;
    return { findings: [what], unable: null, summary: 'tokens: none' };
  }
  try {
    return { findings: [], unable: null, summary: `tokens: ${listTokens(file).length}` };
  } catch (error) {
    return { findings: [messageOf(error)], unable: null, summary: 'tokens: cannot be read' };
  }
}

async function store(folder: string): Promise<Part> {
  try {
    const report = await checkStore(join(folder, STORE_FOLDER));
    if (report === null) return { findings: [], unable: null, summary: 'store: none' };
    const findings = report.findings.map(({ file, what, count, which }) => {
      const many =
        count === null ? 'nobody can know how many records' : `${count} ${count === 1 ? 'record' : 'records'}`;
      return `${file}: ${what}; ${many}${which.length > 0 ? `: ${which.join(', ')}` : ''}`;
    });
    const { segments, messages, values } = report;
    const summary = `store: ${segments} segments with ${messages} queued messages, ${values} values in the table`;
    return { findings, unable: null, summary };
  } catch (error) {
    return notChecked('store', error);
  }
}

async function history(folder: string): Promise<Part> {
  try {
    const report = await checkHistory(join(folder, HISTORY_FILE));
    if (report === null) {
      const { history: isGone } = goneFiles(folder, tokenFileOf(folder));
      const notes = isGone ? [`${join(folder, HISTORY_FILE)}: it is gone; history begins anew at the next start`] : [];
      return { findings: [], notes, unable: null, summary: 'history: none' };
    }
    const findings = report.findings.map(({ file, what }) => `${file}: ${what}`);
    const summary = `history: ${report.points} points, ${report.texts} texts`;
    return { findings, unable: report.unable, summary };
  } catch (error) {
    return notChecked('history', error);
  }
}

function notChecked(name: string, error: unknown): Part {
  if (!(error instanceof OperatorError)) throw error;
  return { findings: [], unable: error.message, summary: `${name}: not checked` };
}
