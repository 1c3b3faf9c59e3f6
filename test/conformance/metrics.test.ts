import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { type Family, parseMetrics } from '../tooling/prometheus.ts';
import { clientsOf } from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

async function scrape(): Promise<ReadonlyMap<string, Family>> {
  const answer = await fetch(`${sonde.url}/metrics`);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseMetrics(await answer.text());
}

function figure(families: ReadonlyMap<string, Family>, name: string, sample = name): number {
  const found = families.get(name)?.samples.find((one) => one.name === sample);
  if (found === undefined) throw new Error(`there is no ${sample}`);
  return found.value;
}

describe('/metrics', () => {
  it('is what Prometheus reads, and its figures are those of what happened', async () => {
    const before = await scrape();
    const reader = await clients.connect({ level: 4 });
    await reader.subscribe('a/#');
    const writer = await clients.connect({ level: 5 });
    for (let i = 0; i < 10; i++) await writer.publish('a/b', '12345', { qos: 1 });
    await writer.publish('a/b', '12345', { qos: 2 });
    expect(await reader.drain()).toHaveLength(11);
    const after = await scrape();

    const grew = (name: string, sample?: string) => figure(after, name, sample) - figure(before, name, sample);
    expect(grew('sonde_messages_received_total')).toBe(11);
    expect(grew('sonde_messages_sent_total')).toBe(11);
    expect(grew('sonde_received_payload_bytes_total')).toBe(55);
    expect(grew('sonde_sent_payload_bytes_total')).toBe(55);
    // CONNECT twice, SUBSCRIBE, PUBLISH, PUBREL, PINGREQ; and what answers them.
    expect(grew('sonde_packets_received_total')).toBe(2 + 1 + 11 + 1 + 1);
    expect(grew('sonde_packets_sent_total')).toBe(2 + 1 + 11 + 11 + 1 + 1);
    expect(grew('sonde_connects_total')).toBe(2);
    expect(grew('sonde_clients_connected')).toBe(2);
    const ack = 'sonde_publish_ack_duration_seconds';
    expect(grew(ack, `${ack}_count`)).toBe(11);
    expect(grew(ack, `${ack}_sum`)).toBeGreaterThan(0);
    expect(grew(ack, `${ack}_sum`)).toBeLessThan(10);
    const tcp = after.get('sonde_transport_connections')?.samples;
    expect(tcp).toEqual([{ name: 'sonde_transport_connections', labels: { transport: 'tcp' }, value: 2 }]);
  });

  it('shows how long messages waited for a session that was away', async () => {
    const name = 'sonde_queue_wait_duration_seconds';
    const before = await scrape();
    const session = { level: 4, id: 'away', clean: false } as const;
    const away = await clients.connect(session);
    await away.subscribe('wait', 1);
    away.destroy();
    const writer = await clients.connect();
    // Until the broker has noticed that it is gone, messages go to its connection.
    await waitFor('its end', async () => figure(await scrape(), 'sonde_clients_connected') === 1);
    for (let i = 0; i < 3; i++) await writer.publish('wait', 'x', { qos: 1 });
    expect(figure(await scrape(), 'sonde_queued_messages')).toBe(3);
    const back = await clients.connect(session);
    for (let i = 0; i < 3; i++) await back.take('publish');
    expect(figure(await scrape(), name, `${name}_count`) - figure(before, name, `${name}_count`)).toBe(3);
  });

  it('never has a client, a topic or a token in it', async () => {
    const client = await clients.connect({ id: 'a-telling-name' });
    await client.publish('a-telling-topic', 'x', { retain: true });
    const labels = new Set(
      [...(await scrape()).values()].flatMap(({ samples }) => samples.flatMap((one) => Object.keys(one.labels))),
    );
    const ofClosedLists = ['bound', 'le', 'method', 'part', 'route', 'status', 'transport', 'version', 'why', 'work'];
    expect([...labels].sort()).toEqual(ofClosedLists);
    expect(await (await fetch(`${sonde.url}/metrics`)).text()).not.toContain('a-telling');
  });

  it('looks at the event loop', async () => {
    const family = (await scrape()).get('sonde_event_loop_delay_seconds');
    expect(family?.type).toBe('histogram');
    expect(family?.samples.at(-1)?.value).toBeGreaterThan(0);
  });
});

describe('the reader of this test', () => {
  const good = '# HELP a_total Things.\n# TYPE a_total counter\na_total{of="x\\"y"} 3\n';
  it('reads a good text', () => {
    expect(parseMetrics(good).get('a_total')?.samples).toEqual([
      { name: 'a_total', labels: { of: 'x\\"y' }, value: 3 },
    ]);
  });

  const histogram = (...lines: string[]) =>
    `# HELP h_seconds H.\n# TYPE h_seconds histogram\n${lines.map((line) => `h_seconds_${line}\n`).join('')}`;
  it.each([
    ['no end', good.slice(0, -1), 'does not end'],
    ['no HELP', good.slice(good.indexOf('# TYPE')), 'TYPE without its HELP'],
    ['no TYPE', 'a_total 3\n', 'outside its family'],
    ['a counter without _total', good.replaceAll('a_total', 'a'), '_total is for counters'],
    ['a gauge with _total', good.replace('counter', 'gauge'), '_total is for counters'],
    ['milliseconds', good.replaceAll('a_total', 'a_ms_total'), 'no base unit'],
    ['a sample twice', `${good}a_total{of="x\\"y"} 3\n`, 'a sample twice'],
    ['a family twice', good + good, 'a family twice'],
    ['no number', good.replace(' 3', ' three'), 'no number'],
    ['a broken label', good.replace('of=', 'of '), 'no label'],
    [
      'a bucket fewer than the one before',
      histogram('bucket{le="1"} 2', 'bucket{le="+Inf"} 1', 'sum 1', 'count 1'),
      'not cumulative',
    ],
    ['no +Inf', histogram('bucket{le="1"} 2', 'sum 1', 'count 2'), 'no +Inf'],
    ['another count', histogram('bucket{le="+Inf"} 2', 'sum 1', 'count 3'), 'the count is not'],
    ['no sum', histogram('bucket{le="+Inf"} 2', 'count 2'), 'no sum'],
  ])('refuses one with %s', (_, text, why) => {
    expect(() => parseMetrics(text)).toThrow(why);
  });
});
