import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomOf } from '../../fuzz/random.ts';
import { waitFor } from '../../tooling/index.ts';
import { checkDelivery, checkHistory, type End, type HistoryCheck, untilDrained } from './checks.ts';
import { createKiller } from './killer.ts';
import { BACKUP_KILL, chooseKill, KILLS, type Scene } from './kills.ts';
import { createLoad, type Load } from './load.ts';
import { faultsOf, type Outcome, reportOf } from './report.ts';
import { checkRetained } from './retained.ts';
import { newRunState, type RunState } from './run-state.ts';
import { createServer, type Server } from './server.ts';

export type CrashOptions = {
  readonly cycles: number;
  readonly seed: number;
  /** Of all publishers; 1 is about 1,300 messages a second. */
  readonly rate?: number;
  /** QoS 0 that a kill may take: what came in the last so many ms. */
  readonly qos0WindowMs: number;
  /** More arguments of `serve`. */
  readonly flags?: readonly string[];
  /** Writes down who got and sent what, beside the data. */
  readonly trace?: boolean;
  /** Only kills whose name matches this. */
  readonly only?: string;
  /** Called with a line now and then. */
  readonly say?: (line: string) => void;
};

export type CrashResult = { readonly faults: number; readonly report: string };

/** The session that stays away keeps its messages for many cycles. */
const ROOM = ['--limit', 'maxQueuedMessages=10000000', '--limit', `maxQueuedBytes=${8 * 1024 ** 3}`];
/** For history to have all, once nothing more is published. */
const HISTORY_MS = 30_000;
const SAY_EVERY = 20;

/** Runs Sonde under load, kills it again and again, and says whether it kept what it promised. */
export async function runCrashes(options: CrashOptions): Promise<CrashResult> {
  const { cycles, seed, say = () => {} } = options;
  const folder = mkdtempSync(join(tmpdir(), 'sonde-crash-run-'));
  const server = await createServer(folder, ['--history', 'duckdb', ...ROOM, ...(options.flags ?? [])]);
  const run = newRunState(
    server.mqttPort,
    randomOf(seed),
    options.trace ? join(folder, 'trace.log') : null,
    server.pid,
  );
  const load = createLoad(run, options.rate ?? 1);
  const killer = createKiller();
  const ends: End[] = [];
  const kills = new Map<string, number>();
  const history: HistoryCheck[] = [];
  const sinceMs = performance.now();
  let slowestStartMs = 0;
  let done = 0;
  try {
    server.spawn();
    await server.ready();
    await begin(load);
    const ended = (atMs: number, qos0SinceMs: number): void => void ends.push({ atMs, qos0SinceMs });
    const scene: Scene = { run, server, killer, load, folder, ended, qos0WindowMs: options.qos0WindowMs };
    const all = (await knowsBackup(server)) ? [...KILLS, BACKUP_KILL] : KILLS;
    const choice = all.filter(({ name }) => new RegExp(options.only ?? '').test(name));
    for (let cycle = 1; cycle <= cycles; cycle++) {
      const kill = chooseKill(run, choice);
      run.beginCycle(cycle, kill.name);
      load.shuffle(run.random);
      await kill.work(scene, cycle);
      const startedMs = performance.now();
      await server.ready();
      slowestStartMs = Math.max(slowestStartMs, performance.now() - startedMs);
      kills.set(kill.name, (kills.get(kill.name) ?? 0) + 1);
      done = cycle;
      await checkRetained(run, load.retainers);
      if (cycle % SAY_EVERY === 0) say(`${cycle} cycles, ${faultsOf(run)} faults`);
    }
    await finish(run, load);
    const untilMs = performance.now() + HISTORY_MS;
    for (const { stream } of [...load.publishers, ...load.retainers]) {
      history.push(await checkHistory(run, server.url, stream, ends, untilMs));
    }
    checkDelivery(run, load);
    load.everybodyLeaves();
    server.signal('SIGTERM');
    await server.exited();
  } catch (error) {
    run.fault('start faults', wordsOf(error));
  } finally {
    load.everybodyLeaves();
    load.stop();
    await killer.close();
    server.signal('SIGKILL');
    run.flush();
  }
  const outcome: Outcome = {
    run,
    seed,
    folder,
    seconds: (performance.now() - sinceMs) / 1000,
    cycles: done,
    kills,
    streams: [...load.publishers, ...load.retainers].map(({ stream }) => stream),
    delivered: load.receipts.reduce((sum, one) => sum + one.inAll(), 0),
    history,
    filtersLooked: load.toggler.looked(),
    slowestStartMs,
  };
  const faults = faultsOf(run);
  if (faults === 0 && !options.trace) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return { faults, report: reportOf(outcome) };
}

/** Publishers come when every subscription stands: from then on each message is for each subscriber. */
async function begin({ subscribers, publishers, retainers, toggler }: Load): Promise<void> {
  for (const { peer } of subscribers) peer.come();
  await waitFor('the subscriptions', () => subscribers.every((one) => one.isSubscribed()));
  for (const { peer } of [...publishers, ...retainers, toggler]) peer.come();
}

/** Nothing new is published, everybody comes back, and all that is under way ends. */
async function finish(run: RunState, load: Load): Promise<void> {
  run.beginCycle(run.cycle(), 'after the last kill');
  load.quiet();
  load.everybodyComes();
  const publishing = [...load.publishers, ...load.retainers];
  await waitFor('the last acknowledgement', () => publishing.every((one) => one.underWay() === 0), 60_000).catch(() => {
    const left = publishing.filter((one) => one.underWay() > 0).map((one) => `${one.stream.name}: ${one.underWay()}`);
    run.fault('session faults', `not acknowledged for 60 s, without any kill: ${left.join(', ')}`);
  });
  await untilDrained(load, 2000);
  for (const { name, unfinished } of load.subscribers) {
    if (unfinished() > 0) run.fault('session faults', `${name}: ${unfinished()} QoS 2 messages without their PUBREL`);
  }
}

async function knowsBackup(server: Server): Promise<boolean> {
  return (await server.command('backup', '--help')).code === 0;
}

/** With what was behind it. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${wordsOf(error.cause)}`;
}
