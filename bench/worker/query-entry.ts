import type { QueryReport, QueryRequest } from './query-messages.ts';

// A process that asks history over and over, each address in its own loop, until it is told to end.
let report: { queries: number; queryMillis: number[]; exports: number; exportedBytes: number; errors: string[] };
let stopping = new AbortController();
let loops: Promise<void>[] = [];

process.on('message', (request: QueryRequest) => {
  if (request.step === 'begin') begin(request);
  else void end();
});
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => {});

function begin({ queryUrls, exportUrl, again }: Extract<QueryRequest, { step: 'begin' }>): void {
  report = { queries: 0, queryMillis: [], exports: 0, exportedBytes: 0, errors: [] };
  stopping = new AbortController();
  const all = [...queryUrls.map((url) => () => query(url)), () => download(exportUrl)];
  loops = again === 'each' ? all.map(loop) : [loop(() => together(all))];
}

async function end(): Promise<void> {
  stopping.abort();
  await Promise.all(loops);
  const done: QueryReport = report;
  process.send?.(done);
}

async function loop(turn: () => Promise<void>): Promise<void> {
  while (!stopping.signal.aborted) {
    try {
      await turn();
    } catch (error) {
      if (stopping.signal.aborted) return;
      if (report.errors.length < 20) report.errors.push(error instanceof Error ? error.message : String(error));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function together(all: readonly (() => Promise<void>)[]): Promise<void> {
  const ends = await Promise.allSettled(all.map((one) => one()));
  const fault = ends.find((end) => end.status === 'rejected');
  if (fault !== undefined) throw fault.reason;
}

async function query(url: string): Promise<void> {
  const startedAt = performance.now();
  const response = await fetch(url, { signal: stopping.signal });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`query: ${response.status} ${text.slice(0, 200)}`);
  if ((JSON.parse(text) as { points: unknown[] }).points.length === 0) throw new Error('query: an empty answer');
  report.queries += 1;
  report.queryMillis.push(performance.now() - startedAt);
}

async function download(url: string): Promise<void> {
  const response = await fetch(url, { signal: stopping.signal });
  if (response.status !== 200 || response.body === null)
    throw new Error(`export: ${response.status} ${(await response.text()).slice(0, 200)}`);
  for await (const piece of response.body) report.exportedBytes += (piece as Uint8Array).length;
  report.exports += 1;
}
