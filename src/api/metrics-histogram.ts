import type { Metric, Registry } from 'prom-client';
import type { Histogram } from '../base/index.ts';

/** Shows a histogram that is filled elsewhere: prom-client's own costs too much to be filled on the way of a message. */
export function addHistogram(register: Registry, name: string, help: string, histogram: Histogram): void {
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: valuesOf(name, histogram) }),
  };
  // The registry asks a metric for no more than this.
  register.registerMetric(metric as unknown as Metric);
}

function valuesOf(name: string, { bounds, counts, sum }: Histogram) {
  let count = 0;
  const buckets = counts.map((own, at) => {
    count += own;
    return { metricName: `${name}_bucket`, labels: { le: String(bounds[at] ?? '+Inf') }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}
