import { isTold, TOLD_SINGLY } from '../base/index.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';

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
  const far = count > TOLD_SINGLY ? { refusals: count } : {};
  core.logger.warn({ client: connection.name, ...fields, ...far }, text);
}
