import { availableParallelism, loadavg } from 'node:os';
import { connectAsync } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { runToEnd, startSonde, waitFor } from '../tooling/index.ts';

/** `npm test` fetches them and says where they are: `22=/path/to/node`, a line each. */
const nodes = (process.env['WORKSHOP_NODES'] ?? '')
  .split('\n')
  .filter(Boolean)
  .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);

describe('the built program', () => {
  it('is tried on the lines of Node beside the one that built it', () => {
    expect(nodes.map(([line]) => line)).toEqual(['22', '24']);
  });

  it.each(nodes)('starts, records, answers and stops on Node %s', async (line, node) => {
    expect((await runToEnd(node, ['--version'])).stdout).toMatch(new RegExp(`^v${line}\\.`));
    const sonde = await startSonde({ node, history: 'duckdb' });
    const client = await connectAsync(`mqtt://127.0.0.1:${sonde.mqttPort}`);
    await client.publishAsync('runtime/value', '22.25', { qos: 1 });
    await waitFor('the point', async () => {
      const response = await fetch(`${sonde.url}/api/v1/points?topic=runtime/value&field=value&limit=10`);
      return response.ok && (await response.text()).includes('22.25');
    });
    await client.endAsync();
    await sonde.stop();
    // A warning of Node (a deprecated call, say) would be the first sign that the next line breaks something.
    expect(sonde.log()).not.toMatch(/warning/i);
  });

  it('is ready within 2 s of its start', async () => {
    // Of a machine that does nothing else: where others wait for the processor too, it gets its share later.
    const limitMs = 2000 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
    const startsMs: number[] = [];
    while (startsMs.length < 3 && Math.min(...startsMs) >= limitMs) {
      const sonde = await startSonde({ history: 'duckdb' });
      await sonde.stop();
      startsMs.push(sonde.startedInMs);
    }
    expect(Math.min(...startsMs)).toBeLessThan(limitMs);
  });
});
