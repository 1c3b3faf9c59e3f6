// Opens histories as the history process does and says what is in them: one folder a line of input, one line of JSON each.
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

/** @typedef {{ rows: [topic: string, value: string][], positions: object[], damage: object[] } | { error: string }} Looked */

const dist = process.argv[2];
/** @param {string} file */
const load = (file) => import(String(pathToFileURL(`${dist}/history/${file}.js`)));
const { openEngine } = await load('engine');
const { HISTORY_DEFAULTS } = await load('options');
process.umask(0o077);

/** @param {string} file @returns {Promise<Looked>} */
async function look(file) {
  /** @type {object[]} */
  const damage = [];
  /** @param {{ kind: string, damage?: object }} message */
  const say = (message) => message.kind === 'damage' && damage.push(message.damage ?? {});
  const engine = await openEngine(file, HISTORY_DEFAULTS, 'look', say, new PassThrough());
  const positions = engine.positions();
  await engine.close(false);
  const instance = await DuckDBInstance.create(file, { threads: '1' });
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(`
    SELECT topic, CAST(CAST(v AS BIGINT) AS VARCHAR) FROM point JOIN series ON series.id = series WHERE field IN ('value', 'n')
    UNION ALL SELECT topic, txt FROM text JOIN series ON series.id = series`);
  connection.closeSync();
  instance.closeSync();
  return { rows: /** @type {[string, string][]} */ (reader.getRows()), positions: [...positions], damage };
}

for await (const file of createInterface({ input: process.stdin })) {
  const looked = await look(file).catch((error) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(looked)}\n`);
}
