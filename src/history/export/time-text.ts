const TWO_DIGITS = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));
const THREE_DIGITS = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));

let lastDay = Number.NaN;
let lastDayText = '';

/** Microseconds since 1970 UTC as ISO 8601 with 6 decimals: `2026-11-21T07:25:56.123456Z`. */
export function isoTime(us: number): string {
  const seconds = Math.floor(us / 1e6);
  const micros = us - seconds * 1e6;
  const day = Math.floor(seconds / 86_400);
  // Rows come in the order of time, so the day is most often that of the row before.
  if (day !== lastDay) {
    lastDay = day;
    lastDayText = new Date(day * 86_400_000).toISOString().slice(0, -13);
  }
  const inDay = seconds - day * 86_400;
  const hour = Math.floor(inDay / 3600);
  const minute = Math.floor(inDay / 60) - hour * 60;
  const second = inDay % 60;
  const millis = Math.floor(micros / 1000);
  const clock = `${TWO_DIGITS[hour]}:${TWO_DIGITS[minute]}:${TWO_DIGITS[second]}`;
  return `${lastDayText}${clock}.${THREE_DIGITS[millis]}${THREE_DIGITS[micros - millis * 1000]}Z`;
}
