import { inspectPages, walkWithLmdb } from './inspect-table.ts';

/*
 * Looks at a table in a process of its own, since LMDB kills the one that opens a damaged file. Prints JSON lines:
 *
 *     {"findings":{...}}     what was found without LMDB
 *     {"entries":n}          LMDB has walked all of it; not there when it has faults
 */
const [folder] = process.argv.slice(2);
process.umask(0o077);
process.title = 'sonde check';
if (folder === undefined) process.exit(2);
const findings = inspectPages(folder, () => {});
process.stdout.write(`${JSON.stringify({ findings })}\n`);
if (findings.faults.length === 0) {
  process.stdout.write(`${JSON.stringify({ entries: await walkWithLmdb(folder) })}\n`);
}
