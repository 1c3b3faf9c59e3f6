import { parseArguments, USAGE } from './arguments.ts';
import { runCompare } from './modes/run-compare.ts';
import { cleanUp, cleanUpOnExit } from './processes.ts';

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
    return await runCompare(options, root, say);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    cleanUp();
  }
}
