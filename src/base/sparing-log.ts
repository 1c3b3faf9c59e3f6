import type { LogFields, Logger } from './logger.ts';

export type SparingOptions = {
  /** Lines of one text that are written in a span of time; the rest are counted. */
  readonly lines?: number;
  readonly spanMs?: number;
  /** Calls back once, and does not keep the program running; a test gives its own. */
  readonly later?: (work: () => void, ms: number) => void;
};

type Span = { written: number; leftOut: number };

/** Texts that are counted at once. Callers have a handful; more are written. */
const MAX_TEXTS = 256;

/**
 * A log for what any stranger may cause as often as he can connect: of each text only so many lines in a span. At its end
 * one line says how many were left out. Debug lines all pass: who asks for them wants them.
 */
export function sparingLogger(logger: Logger, options: SparingOptions = {}): Logger {
  const { lines = 10, spanMs = 60_000, later = inBackground } = options;
  const spans = new Map<string, Span>();

  const end = (level: 'info' | 'warn' | 'error', text: string): void => {
    const leftOut = spans.get(text)?.leftOut ?? 0;
    spans.delete(text);
    if (leftOut > 0) logger[level]({ leftOut, seconds: spanMs / 1000 }, `${text} (so many more lines were left out)`);
  };
  const at = (level: 'info' | 'warn' | 'error') => (fields: LogFields, text: string) => {
    let span = spans.get(text);
    if (span === undefined && spans.size < MAX_TEXTS) {
      span = { written: 0, leftOut: 0 };
      spans.set(text, span);
      later(() => end(level, text), spanMs);
    }
    if (span !== undefined && span.written >= lines) {
      span.leftOut += 1;
      return;
    }
    if (span !== undefined) span.written += 1;
    logger[level](fields, text);
  };
  return {
    debug: (fields, text) => logger.debug(fields, text),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

function inBackground(work: () => void, ms: number): void {
  setTimeout(work, ms).unref();
}
