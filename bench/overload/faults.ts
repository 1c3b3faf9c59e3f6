import { median } from '../measure/summary.ts';
import { milliseconds as ms } from '../report/overload-markdown.ts';
import type { OverloadCell } from './cell.ts';

/** The p99 of others that is allowed where the machine has a core to spare. */
const ALLOWED_MS = 50;

/** What Sonde must not do in any round: end, lose a message of the probe, cut it. Nor may the median of its p99 be above Mosquitto's, or 50 ms. */
export function faultsOf(cells: readonly OverloadCell[]): readonly string[] {
  const own = cells.filter(({ peer }) => peer.startsWith('sonde'));
  const pairs = new Map(own.map((cell) => [`${cell.peer}, ${cell.attack}`, cell]));
  return [
    ...own.flatMap(faultsOfRound),
    ...[...pairs].flatMap(([name, { peer, attack }]) => {
      const p99 = medianP99(cells, peer, attack);
      const other = medianP99(cells, 'mosquitto', attack);
      return [
        ...(p99 > other ? [`${name}: p99 of the other client ${ms(p99)}, Mosquitto's ${ms(other)}`] : []),
        ...(p99 > ALLOWED_MS ? [`${name}: p99 of the other client ${ms(p99)}, above ${ALLOWED_MS} ms`] : []),
      ];
    }),
  ];
}

function faultsOfRound(cell: OverloadCell): readonly string[] {
  const name = `${cell.peer}, ${cell.attack}`;
  if (cell.failure !== '') return [`${name}: ${cell.failure}`];
  return [
    ...(cell.reconnects > 0 ? [`${name}: the other client was disconnected ${cell.reconnects} times`] : []),
    ...(cell.lost > 0 ? [`${name}: ${cell.lost} messages of the other client did not come`] : []),
  ];
}

/** NaN where none of them says anything; nothing is above that. */
function medianP99(cells: readonly OverloadCell[], peer: string, attack: string): number {
  const said = cells.filter((cell) => cell.peer === peer && cell.attack === attack && cell.failure === '');
  return median(said.map(({ p99 }) => p99));
}
