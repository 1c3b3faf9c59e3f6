import type { DuckDBConnection } from '@duckdb/node-api';
import { OperatorError } from '../../base/index.ts';
import { rowsOf } from './rows.ts';

/**
 * One DuckDB file:
 *
 *     sonde_format   name, version                       what this file is, checked before anything is touched
 *     position       source, number, first               what of each source is in here, from `first` to `number`: moved in
 *                                                        the transaction of its rows ('queue:<incarnation>', 'qos0:<run>')
 *     series         id, world, topic, field, unit       one row a series; ids count from 1 and are never used again
 *     point          series, t, arrived, seq, v          numbers, and gap marks (v is NULL)
 *     text           series, t, arrived, seq, kind,      what is no number: text (0), an integer beyond 2^53 (1), both in
 *                    txt, bin                            txt; bytes that are no UTF-8 (2) in bin
 *     series_state   series, points, texts, first ...    figures of each series, as of row `seq` in state_seq
 *     state_seq      seq                                 rows after it are counted again at open
 *
 * t is the payload's time, or the arrival; arrived is the arrival; microseconds, UTC. seq counts message rows as they
 * came: the order is (t, seq), and the values of one JSON object have one seq.
 */
export const FORMAT_NAME = 'sonde-history';
export const FORMAT_VERSION = 2;

export const TABLE_NAMES = [
  'position',
  'series',
  'point',
  'text',
  'series_state',
  'state_seq',
  'sonde_format',
] as const;

const TABLES = `
CREATE TABLE position (source VARCHAR NOT NULL, number BIGINT NOT NULL, first BIGINT);
CREATE TABLE series (id INTEGER NOT NULL, world INTEGER NOT NULL, topic VARCHAR NOT NULL, field VARCHAR NOT NULL, unit VARCHAR);
CREATE TABLE point (series INTEGER NOT NULL, t TIMESTAMP NOT NULL, arrived TIMESTAMP NOT NULL, seq BIGINT NOT NULL, v DOUBLE);
CREATE TABLE text (series INTEGER NOT NULL, t TIMESTAMP NOT NULL, arrived TIMESTAMP NOT NULL, seq BIGINT NOT NULL,
  kind UTINYINT NOT NULL, txt VARCHAR, bin BLOB);
CREATE TABLE series_state (series INTEGER NOT NULL, points BIGINT NOT NULL, texts BIGINT NOT NULL,
  first_us DOUBLE NOT NULL, last_us DOUBLE NOT NULL, kind TINYINT NOT NULL, v DOUBLE, txt VARCHAR, bin BLOB);
CREATE TABLE state_seq (seq BIGINT NOT NULL);
INSERT INTO state_seq VALUES (0);
CREATE TABLE sonde_format (name VARCHAR NOT NULL, version INTEGER NOT NULL);
INSERT INTO sonde_format VALUES ('${FORMAT_NAME}', ${FORMAT_VERSION});
`;

/** What makes a file of a version one of the next. */
const MIGRATIONS: readonly string[] = [
  // Version 1 knew of each source how far it was, and took it for whole.
  'ALTER TABLE position ADD COLUMN first BIGINT; UPDATE position SET first = 1;',
];

/** Makes the tables in a new file, or checks that an old one is ours and brings it to this version. */
export async function prepareSchema(connection: DuckDBConnection, file: string): Promise<void> {
  const version = await readFormat(connection, file);
  if (version === null) {
    await connection.run(`BEGIN; ${TABLES} COMMIT`);
  } else if (version < FORMAT_VERSION) {
    const steps = MIGRATIONS.slice(version - 1).join(' ');
    await connection.run(`BEGIN; ${steps} UPDATE sonde_format SET version = ${FORMAT_VERSION}; COMMIT`);
  }
}

/** The version of a history file; null: it is empty. Rejects with OperatorError when it is not ours, or of a newer Sonde. */
export async function readFormat(connection: DuckDBConnection, file: string): Promise<number | null> {
  const tables = await rowsOf(connection, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'");
  if (tables.length === 0) return null;
  if (!tables.some(([name]) => name === 'sonde_format')) {
    throw new OperatorError(
      `${file} is a DuckDB file, but not Sonde's history`,
      'Move it away, or choose another data folder.',
    );
  }
  const [format] = await rowsOf(connection, 'SELECT name, version FROM sonde_format');
  const name = format?.[0];
  const version = Number(format?.[1]);
  if (name !== FORMAT_NAME || !Number.isInteger(version) || version < 1) {
    throw new OperatorError(
      `${file} is a DuckDB file, but not Sonde's history`,
      'Move it away, or choose another data folder.',
    );
  }
  if (version > FORMAT_VERSION) {
    throw new OperatorError(
      `${file} was written by a newer Sonde (history format ${version}, this one knows ${FORMAT_VERSION})`,
      'Start the newer Sonde, or choose another data folder.',
    );
  }
  return version;
}
