import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';

/** So many refusals of one connection have a line each; after them every tenfold one. */
const SINGLY = 10;

/** Says that a connection was refused something. Bounded, since it may ask again as fast as it can send. */
export function tellRefusal(
  core: BrokerCore,
  connection: Connection,
  fields: Readonly<Record<string, unknown>>,
  text: string,
): void {
  connection.refusals += 1;
  const count = connection.refusals;
  if (!isTold(count)) return;
  const far = count > SINGLY ? { refusals: count } : {};
  core.logger.warn({ client: connection.name, ...fields, ...far }, text);
}

/** Whether the event of this number is among the first ten or a power of ten. */
export function isTold(count: number): boolean {
  return count <= SINGLY || Number.isInteger(Math.log10(count));
}
