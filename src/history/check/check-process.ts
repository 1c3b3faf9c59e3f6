import { messageOf, OperatorError } from '../../base/index.ts';
import { isDamage } from '../duckdb/damage.ts';
import { DuckDBInstance } from '../duckdb/library.ts';
import { isTorn } from '../duckdb/rollback-journal.ts';
import { plainMessage, rowsOf } from '../duckdb/rows.ts';
import { readFormat, TABLE_NAMES } from '../duckdb/schema.ts';
import { findInWal } from '../duckdb/wal-mark.ts';

/*
 * Reads all of a history file and changes nothing. A process of its own: a fault in DuckDB ends nothing else. Prints JSON lines:
 *
 *     {"finding":{"file":...,"what":...}}     something is damaged
 *     {"unable":"why"}                        it could not be looked at
 *     {"table":"point","rows":n}              all of a table was read
 */
const [file = ''] = process.argv.slice(2);
process.title = 'sonde check';
process.umask(0o077);

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const fail = (error: unknown): void => {
  const text = messageOf(error);
  if (!(error instanceof OperatorError) && isDamage(text, file)) say({ finding: { file, what: plainMessage(error) } });
  else say({ unable: plainMessage(error) });
};

try {
  if (isTorn(file)) {
    throw new OperatorError(
      'a checkpoint of history was cut short, and the next start puts back what it tore: start Sonde once, and check again',
      'Start Sonde once.',
    );
  }
  const wal = findInWal(file);
  if (wal !== null) say({ finding: { file: `${file}.wal`, what: wal.what } });
  const instance = await DuckDBInstance.create(file, {
    access_mode: 'READ_ONLY',
    threads: '1',
    memory_limit: '256MiB',
    max_temp_directory_size: '0B',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await readFormat(connection, file);
  for (const table of TABLE_NAMES) {
    try {
      // Each block of each column has a checksum: it is seen when it is read.
      const [row] = await rowsOf(
        connection,
        `SELECT count(*)::DOUBLE, bit_xor(hash(every_row)) FROM ${table} AS every_row`,
      );
      say({ table, rows: Number(row?.[0]) });
    } catch (error) {
      fail(error);
    }
  }
  connection.closeSync();
  instance.closeSync();
} catch (error) {
  fail(error);
}
