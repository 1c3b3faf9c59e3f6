import { join } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import { startSonde } from '../peers/sonde.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { saveResult } from '../report/save.ts';
import { type PublishesResult, publishesAt } from './publishes.ts';

/** `bench publishes`: returns the exit code, 1 when a message is missing, twice or out of order. */
export async function runPublishes(
  options: BenchArguments,
  root: string,
  say: (line: string) => void,
): Promise<number> {
  const count = options.count ?? (options.quick ? 10_000 : 100_000);
  const sonde = await startSonde({ root: options.sonde ?? root, history: 'duckdb' });
  try {
    const setup = { mqttPort: sonde.mqttPort, httpPort: sonde.httpPort, pid: sonde.pid, count };
    const results = [await publishesAt(1, setup), await publishesAt(0, setup)];
    const machine = describeMachine(root);
    const page = publishesMarkdown(machineLine(machine), results);
    say(page);
    if (!options.quick || options.out !== null) {
      const names = saveResult(
        options.out ?? join(root, 'bench', 'results'),
        'publishes',
        machine,
        { machine, results },
        page,
      );
      say(`written: ${names.join(', ')}`);
    }
    return results.every((one) => one.clean) ? 0 : 1;
  } finally {
    await sonde.stop();
  }
}

/** The page of a run. */
export function publishesMarkdown(machine: string, results: readonly PublishesResult[]): string {
  return [
    '# Publishes that all stand in history',
    '',
    machine,
    '',
    'Bare numbers from ten clients to Sonde with recording on, then read back through `GET /api/v1/points`: each number once, in the order in',
    'which its client sent them. CPU is that of all of Sonde’s processes.',
    '',
    '| QoS | messages | taken a second | in history a second | CPU µs a message | missing | twice | foreign | out of order |',
    '|---|---|---|---|---|---|---|---|---|',
    ...results.map(({ qos, messages, takenPerSecond, recordedPerSecond, cpuMicrosPerMessage, verdict }) => {
      const figures = [
        whole(messages),
        whole(takenPerSecond),
        whole(recordedPerSecond),
        cpuMicrosPerMessage.toFixed(2),
      ];
      return `| ${[qos, ...figures, verdict.missing, verdict.twice, verdict.foreign, verdict.disorder].join(' | ')} |`;
    }),
    '',
    '“Taken” is until the last PUBACK at QoS 1, until the broker had read the last message at QoS 0; “in history” until the last point could be queried.',
    '',
  ].join('\n');
}

function whole(value: number): string {
  return Number.isNaN(value) ? 'never' : Math.round(value).toLocaleString('en');
}
