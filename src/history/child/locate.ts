import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../base/index.ts';

/**
 * The built entry of the history process: beside this module when Sonde is built; `dist/` of the same tree when it runs
 * from its TypeScript sources (tests), since Node 20 cannot run them.
 */
export function locateProcess(): string {
  const beside = fileURLToPath(new URL('../process.js', import.meta.url));
  if (existsSync(beside)) return beside;
  const built = fileURLToPath(new URL('../../../dist/history/process.js', import.meta.url));
  if (existsSync(built)) return built;
  throw new OperatorError(`the history process is not built: ${built} is not there`, 'Run `npm run build`.');
}
