import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { treeUsage } from '../measure/proc.ts';
import { percentileOf } from '../measure/summary.ts';
import type { Peer } from '../peers/peer.ts';
import { startWorker, stopProcess } from '../processes.ts';
import type { AttackCount } from './attacker.ts';
import type { Attack } from './attacks.ts';
import type { OverloadRequest } from './entry.ts';
import type { ProbeReport } from './probe.ts';

/** One attack on one broker. Times in milliseconds. */
export type OverloadCell = {
  readonly attack: string;
  readonly peer: string;
  /** '' or why the cell says nothing, or how the broker ended. */
  readonly failure: string;
  /** Of all the broker's processes together. */
  readonly restRssBytes: number;
  readonly peakRssBytes: number;
  /** Of the other client's round trips, before the attack and under it. */
  readonly quietP99: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  readonly samples: number;
  readonly lost: number;
  readonly reconnects: number;
  readonly did: AttackCount | null;
};

const SAMPLE_MS = 100;
const QUIET_MS = 2000;
const PATIENCE_MS = 3000;

/** Starts the broker, a probe and the attacker, each a process of its own, and measures. */
export async function overloadCell(attack: Attack, peer: Peer, seconds: number): Promise<OverloadCell> {
  const broker = await peer.start();
  const [probe, attacker] = [startPart(), startPart()];
  const cell = { attack: attack.name, peer: peer.name };
  try {
    await probe.ask({ step: 'probe', port: broker.mqttPort });
    await attacker.ask({ step: 'attacker', port: broker.mqttPort });
    const restRssBytes = treeUsage(broker.pid).rssBytes;
    await probe.ask({ step: 'reset' });
    await sleep(QUIET_MS);
    const quiet = (await probe.ask({ step: 'report', patienceMs: PATIENCE_MS })) as ProbeReport;
    await probe.ask({ step: 'reset' });
    await attacker.ask({ step: 'attack', name: attack.name });
    let peakRssBytes = 0;
    for (const untilMs = performance.now() + seconds * 1000; performance.now() < untilMs; await sleep(SAMPLE_MS)) {
      peakRssBytes = Math.max(peakRssBytes, treeUsage(broker.pid).rssBytes);
    }
    const report = (await probe.ask({ step: 'report', patienceMs: PATIENCE_MS })) as ProbeReport;
    peakRssBytes = Math.max(peakRssBytes, treeUsage(broker.pid).rssBytes);
    const did = (await attacker.ask({ step: 'end' })) as AttackCount;
    const { millis, lost, reconnects } = report;
    return {
      ...cell,
      failure: '',
      restRssBytes,
      peakRssBytes,
      quietP99: percentileOf(quiet.millis, 0.99),
      p50: percentileOf(millis, 0.5),
      p99: percentileOf(millis, 0.99),
      longest: percentileOf(millis, 1),
      samples: millis.length,
      lost,
      reconnects,
      did,
    };
  } catch (error) {
    return { ...cell, ...NOTHING, failure: error instanceof Error ? error.message : String(error) };
  } finally {
    await Promise.all([probe.stop(), attacker.stop()]);
    await broker.stop();
  }
}

const NOTHING = {
  restRssBytes: Number.NaN,
  peakRssBytes: Number.NaN,
  quietP99: Number.NaN,
  p50: Number.NaN,
  p99: Number.NaN,
  longest: Number.NaN,
  samples: 0,
  lost: 0,
  reconnects: 0,
  did: null,
};

type Part = { readonly ask: (request: OverloadRequest) => Promise<unknown>; readonly stop: () => Promise<void> };

function startPart(): Part {
  const child: ChildProcess = startWorker(fileURLToPath(new URL('./entry.js', import.meta.url)));
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const onExit = (code: number | null): void => reject(new Error(`a part of the load ended with ${code}`));
        child.once('exit', onExit);
        child.once('message', (reply) => {
          child.off('exit', onExit);
          resolve(reply);
        });
        child.send(request);
      }),
    stop: () => stopProcess(child, 2000),
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
