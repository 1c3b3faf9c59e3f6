import { type BenchArguments, type Mode, parseArguments, USAGE } from './arguments.ts';
import { runCompare } from './modes/run-compare.ts';
import { runDurable } from './modes/run-durable.ts';
import { runOverload } from './modes/run-overload.ts';
import { runPublishes } from './modes/run-publishes.ts';
import { runQueries } from './modes/run-queries.ts';
import { runRestart } from './modes/run-restart.ts';
import { runRetained } from './modes/run-retained.ts';
import { runSoak } from './modes/run-soak.ts';
import { cleanUp, cleanUpOnExit } from './processes.ts';

type Run = (options: BenchArguments, root: string, say: (line: string) => void) => Promise<number>;

const RUNS: Readonly<Record<Mode, Run>> = {
  compare: runCompare,
  publishes: runPublishes,
  queries: runQueries,
  soak: runSoak,
  durable: runDurable,
  overload: runOverload,
  restart: runRestart,
  retained: runRetained,
};

/** The bench as a command; returns its exit code. `root` is the repository's folder. */
export async function main(argv: readonly string[], root: string): Promise<number> {
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  try {
    const options = parseArguments(argv);
    if (options.help) {
      say(USAGE);
      return 0;
    }
    if (process.platform !== 'linux') throw new Error('the bench reads CPU times from /proc and runs on Linux only');
    cleanUpOnExit();
    return await RUNS[options.mode](options, root, say);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    cleanUp();
  }
}
