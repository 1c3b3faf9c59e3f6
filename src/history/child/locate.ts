import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../base/index.ts';

/** The built entry of the history process. */
export function locateProcess(): string {
  return locateChild('process');
}

/**
 * A built entry of this room: beside this module when Sonde is built; `dist/` of the same tree when it runs from its
 * TypeScript sources (tests), since Node 20 cannot run them.
 */
export function locateChild(name: string): string {
  const beside = fileURLToPath(new URL(`../${name}.js`, import.meta.url));
  if (existsSync(beside)) return beside;
  const built = fileURLToPath(new URL(`../../../dist/history/${name}.js`, import.meta.url));
  if (existsSync(built)) return built;
  throw new OperatorError(`a process of history is not built: ${built} is not there`, 'Run `npm run build`.');
}
