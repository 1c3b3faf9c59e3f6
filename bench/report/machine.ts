import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';

/** Where and when a result was measured. */
export type Machine = {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Commit of the repository; `+` when tracked files of the program or the bench differ from it; `unknown` without git. */
  readonly commit: string;
};

/** This machine, now. */
export function describeMachine(root: string): Machine {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    commit: commitOf(root),
  };
}

/** One line for people. */
export function machineLine(machine: Machine): string {
  const { date, cpu, cores, memoryGiB, kernel, node, commit } = machine;
  return `${date.slice(0, 16).replace('T', ' ')} UTC, ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node}, commit ${commit}`;
}

/** `2026-11-21-amd-epyc-2-cores`: what the files of a result are named after. */
export function machineSlug(machine: Machine): string {
  const cpu = machine.cpu
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${machine.date.slice(0, 10)}-${cpu.slice(0, 40)}-${machine.cores}-cores`;
}

function commitOf(root: string): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  const head = git('rev-parse', '--short', 'HEAD');
  if (head.status !== 0) return 'unknown';
  const changed = git(
    'status',
    '--porcelain',
    '--untracked-files=no',
    '--',
    'src',
    'bench',
    'package.json',
    ':!bench/results',
  );
  return `${head.stdout.trim()}${changed.stdout.trim() === '' ? '' : '+'}`;
}
