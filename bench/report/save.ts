import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Machine, machineSlug } from './machine.ts';

/** Writes a result as `<date>-<machine>-<mode>.json` and `.md`; returns the two names. */
export function saveResult(
  folder: string,
  mode: string,
  machine: Machine,
  result: object,
  page: string,
): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, `${machineSlug(machine)}-${mode}`);
  writeFileSync(`${base}.json`, `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(`${base}.md`, page);
  return [`${base}.json`, `${base}.md`];
}
