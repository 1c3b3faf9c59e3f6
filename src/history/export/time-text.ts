let lastSecond = Number.NaN;
let lastText = '';

/** Microseconds since 1970 UTC as ISO 8601 with 6 decimals: `2026-11-21T07:25:56.123456Z`. */
export function isoTime(us: number): string {
  const second = Math.floor(us / 1e6);
  const micros = us - second * 1e6;
  // Rows come in the order of time, so the second is most often that of the row before.
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = new Date(second * 1000).toISOString().slice(0, -4);
  }
  return `${lastText}${String(micros).padStart(6, '0')}Z`;
}
