import { open } from 'lmdb';

/* Copies a table that another process has open, in a process of its own, since LMDB's copying cannot be interrupted. */
const [from, to] = process.argv.slice(2);
process.umask(0o077);
process.title = 'sonde backup';
if (from === undefined || to === undefined) process.exit(2);
// Its Sonde is gone: nobody wants the copy.
process.on('disconnect', () => process.exit(1));
const root = open({ path: from, encoding: 'binary', keyEncoding: 'binary', readOnly: true, maxDbs: 12 });
await root.backup(to, true);
// Not `close`, which may wait: the copy is whole.
process.exit(0);
