/** A fault that the person who runs Sonde can mend. Printed as one line, exit code 1, no stack. */
export class OperatorError extends Error {
  /** What to do about it, as one sentence. */
  readonly advice: string;

  constructor(what: string, advice: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'OperatorError';
    this.advice = advice;
  }
}

/** The `code` of a Node system error (`EADDRINUSE` ...), or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
