/** What a log line carries beside its text. Never a password, a secret or a whole payload. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log as the rooms see it; pino fits as it is. */
export type Logger = {
  debug(fields: LogFields, text: string): void;
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
};

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
