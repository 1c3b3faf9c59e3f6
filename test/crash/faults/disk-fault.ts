import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool } from '../../tooling/index.ts';

/** One sync, or one write that held marks, as the program between Sonde and libc saw it. Times as of `process.hrtime`. */
export type DiskEvent = {
  readonly beginNs: bigint;
  readonly endNs: bigint;
  readonly what: 'sync' | 'write';
  readonly ok: boolean;
  readonly inode: string;
  readonly marks: readonly string[];
  readonly path: string;
};

/** A disk that can be made slow, full, read-only or broken while a program runs. */
export type FaultyDisk = {
  /** For the program that is to meet it. */
  readonly env: NodeJS.ProcessEnv;
  /** Begins: lines as `disk-fault.c` has them, e.g. `sync slow 300`, `write fail 28`. */
  readonly begin: (...lines: readonly string[]) => void;
  /** All is well again. */
  readonly end: () => void;
  readonly events: () => readonly DiskEvent[];
};

export const EIO = 5;
export const ENOSPC = 28;
export const EROFS = 30;

/** What `requireTool` has to be asked for. */
export const TOOLS = ['gcc', 'libc6-dev'] as const;

const SOURCE = fileURLToPath(new URL('./disk-fault.c', import.meta.url));

/** Compiles the shim into `scratch`; it is about the files below `folder`. */
export async function buildFaultyDisk(scratch: string, folder: string): Promise<FaultyDisk> {
  const library = join(scratch, 'disk-fault.so');
  const control = join(scratch, 'control');
  const log = join(scratch, 'disk.log');
  const built = await runTool('gcc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl']);
  if (built.code !== 0) throw new Error(`gcc failed: ${built.stderr}`);
  return {
    // Node's own threads call libc; io_uring would not.
    env: {
      LD_PRELOAD: library,
      UV_USE_IO_URING: '0',
      DISK_FAULT_FOLDER: folder,
      DISK_FAULT_CONTROL: control,
      DISK_FAULT_LOG: log,
    },
    begin: (...lines) => writeFileSync(control, `${lines.join('\n')}\n`),
    end: () => rmSync(control, { force: true }),
    events: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').map(eventOf) : []),
  };
}

function eventOf(line: string): DiskEvent {
  const [begin = '0', end = '0', , what, result, inode = '', marks = '', ...path] = line.split(' ');
  return {
    beginNs: BigInt(begin),
    endNs: BigInt(end),
    what: what === 'write' ? 'write' : 'sync',
    ok: Number(result) >= 0,
    inode,
    marks: marks === '-' ? [] : marks.split(','),
    path: path.join(' '),
  };
}

/** When the first sync had ended that began after a write of this mark to the same file; null: none has. */
export function syncedAtNs(events: readonly DiskEvent[], mark: string): bigint | null {
  let first: bigint | null = null;
  for (const write of events) {
    if (write.what !== 'write' || !write.ok || !write.marks.includes(mark)) continue;
    for (const { what, ok, inode, beginNs, endNs } of events) {
      if (what !== 'sync' || !ok || inode !== write.inode) continue;
      // A write to a descriptor with O_DSYNC is its own sync.
      if (beginNs < write.endNs && beginNs !== write.beginNs) continue;
      if (first === null || endNs < first) first = endNs;
    }
  }
  return first;
}
