/** One metric of a text in Prometheus' format 0.0.4, with its samples. */
export type Family = {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
};
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;

/**
 * Reads the text as strictly as `promtool check metrics` does, and throws with the first fault: names, HELP and TYPE before
 * the samples, no family or sample twice, `_total` for counters and for nothing else, units in full, whole histograms.
 */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family & { samples: Sample[] }>();
  const seen = new Set<string>();
  let current: (Family & { samples: Sample[] }) | null = null;
  let help: { readonly name: string; readonly text: string } | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    if (line === '') continue;
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (!NAME.test(name)) fail('no name');
      help = { name, text: rest };
      continue;
    }
    if (kind === 'TYPE') {
      if (help?.name !== name) fail('TYPE without its HELP');
      if (families.has(name)) fail('a family twice');
      if (!['counter', 'gauge', 'histogram'].includes(rest)) fail('no known type');
      current = { name, help: help?.text ?? '', type: rest, samples: [] };
      families.set(name, current);
      continue;
    }
    if (line.startsWith('#')) fail('a comment that is neither HELP nor TYPE');
    const match = LINE.exec(line) ?? fail('no sample');
    const sample = {
      name: match[1] ?? '',
      labels: labelsOf(match[2] ?? '', fail),
      value: numberOf(match[3] ?? '', fail),
    };
    if (current === null || !belongs(sample.name, current)) throw new Error(`outside its family: ${line}`);
    const key = sample.name + JSON.stringify(Object.entries(sample.labels).sort());
    if (seen.has(key)) fail('a sample twice');
    seen.add(key);
    current.samples.push(sample);
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

type Fail = (why: string) => never;

function labelsOf(text: string, fail: Fail): Record<string, string> {
  const labels: Record<string, string> = {};
  let left = text;
  while (left !== '') {
    const match = LABEL.exec(left) ?? fail('no label');
    const [whole, name = '', value = ''] = match;
    if (Object.hasOwn(labels, name)) fail('a label twice');
    labels[name] = value;
    left = left.slice(whole.length);
  }
  return labels;
}

function numberOf(text: string, fail: Fail): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  return Number.isFinite(value) ? value : fail('no number');
}

function belongs(name: string, { name: family, type }: Family): boolean {
  if (type !== 'histogram') return name === family;
  return [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name);
}

function checkFamily({ name, type, samples }: Family): void {
  const fail = (why: string): never => {
    throw new Error(`${name}: ${why}`);
  };
  if ((type === 'counter') !== name.endsWith('_total')) fail('_total is for counters, and all of them');
  if (/_(bucket|sum|count|info)$/.test(name) && !name.endsWith('_build_info')) fail('a reserved ending');
  if (/_(ms|us|micros|millis|milliseconds|microseconds|kb|mb|kib|mib|minutes)(_|$)/.test(name)) fail('no base unit');
  if (/[A-Z]/.test(name)) fail('capitals');
  if (samples.some(({ labels }) => Object.hasOwn(labels, 'le')) !== (type === 'histogram' && samples.length > 0)) {
    fail('le is for histograms');
  }
  if (type === 'counter' && samples.some(({ value }) => value < 0)) fail('a counter below 0');
  if (type === 'histogram') checkHistogram(name, samples, fail);
}

function checkHistogram(name: string, samples: readonly Sample[], fail: Fail): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...rest } = sample.labels;
    const key = JSON.stringify(rest);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const of of series.values()) {
    const buckets = of.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => numberOf(labels['le'] ?? '', fail));
    if (bounds.some((bound, at) => at > 0 && bound <= (bounds[at - 1] as number))) fail('bounds that do not rise');
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) fail('no +Inf');
    if (buckets.some(({ value }, at) => at > 0 && value < (buckets[at - 1] as Sample).value)) fail('not cumulative');
    const counts = of.filter((sample) => sample.name === `${name}_count`);
    if (counts.length !== 1 || counts[0]?.value !== buckets.at(-1)?.value) fail('the count is not that of +Inf');
    if (of.filter((sample) => sample.name === `${name}_sum`).length !== 1) fail('no sum');
  }
}
