import { createRequire } from 'node:module';

const duckdb = createRequire(import.meta.url)('@duckdb/node-api') as typeof import('@duckdb/node-api');

/** DuckDB's library as the CommonJS that it is: `import` reads each of its files twice, a quarter of a second at each start. */
export const {
  BIGINT,
  BLOB,
  blobValue,
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  INTEGER,
  TIMESTAMP,
  UTINYINT,
  VARCHAR,
} = duckdb;
