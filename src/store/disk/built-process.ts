import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../base/index.ts';

/**
 * The built entry of a child process, `path` below this folder: beside this module when Sonde is built; in `dist/` of the same
 * tree when it runs from its sources (tests). `what`: what the process does, for who has not built it.
 */
export function locateProcess(path: string, what: string): string {
  const beside = fileURLToPath(new URL(`./${path}`, import.meta.url));
  if (existsSync(beside)) return beside;
  const built = fileURLToPath(new URL(`../../../dist/store/disk/${path}`, import.meta.url));
  if (existsSync(built)) return built;
  throw new OperatorError(
    `the process that ${what} the store is not built: ${built} is not there`,
    'Run `npm run build`.',
  );
}
