export { checkHistory, type HistoryReport } from './check/check-history.ts';
export { historyDamageText } from './damage-text.ts';
export type { DecodedRow, DecodedValue, DecodeLimits } from './decoders/index.ts';
export { DECODE_LIMITS, decodePayload } from './decoders/index.ts';
export { isSalvagePending } from './duckdb/exchange.ts';
export { createHistory } from './history.ts';
export type { HistoryLimits, HistoryOptions } from './options.ts';
export { HISTORY_DEFAULTS } from './options.ts';
export type {
  ByteSource,
  ExportQuery,
  History,
  HistoryDamage,
  HistoryState,
  HistoryStatus,
  JsonAnswer,
  PointsQuery,
  PointValue,
  Qos0Intake,
  RecorderEntry,
  RecorderSource,
  SeriesRow,
} from './port.ts';
export { HistoryError } from './port.ts';
