import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool } from '../../tooling/index.ts';

/** One thing that was asked of the disk, or told to others, in the order in which it happened. */
export type DiskEvent =
  /** A call begins; `end` has its number too. `synced`: it is on disk when it ends (O_DSYNC). */
  | {
      readonly do: 'write';
      readonly call: string;
      readonly inode: string;
      readonly at: number;
      readonly bytes: Buffer;
      readonly synced: boolean;
    }
  | { readonly do: 'truncate'; readonly call: string; readonly inode: string; readonly length: number }
  | { readonly do: 'sync'; readonly call: string; readonly inode: string }
  | { readonly do: 'end'; readonly call: string; readonly result: number }
  /** Names change: the call has ended. */
  | { readonly do: 'create' | 'mkdir'; readonly path: string; readonly inode: string; readonly mode: number }
  | { readonly do: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly do: 'unlink'; readonly path: string }
  /** A line that the program wrote for whoever reads the record. */
  | { readonly do: 'mark'; readonly text: string }
  /** Bytes begin to go out on a socket. */
  | { readonly do: 'send'; readonly call: string; readonly socket: string; readonly bytes: Buffer };

/** Records what programs ask of the disk below one folder. */
export type DiskRecord = {
  /** For the programs that are to be recorded. */
  readonly env: NodeJS.ProcessEnv;
  /** What they write there becomes marks. */
  readonly marks: string;
  /** Puts a mark behind all that is recorded by now. */
  readonly mark: (text: string) => void;
  readonly events: () => DiskEvent[];
};

/** What `requireTool` has to be asked for. */
export const TOOLS = ['gcc', 'libc6-dev'] as const;

const SOURCE = fileURLToPath(new URL('./disk-record.c', import.meta.url));

/** Compiles the shim into `scratch`; answers its path. */
export async function buildRecorder(scratch: string): Promise<string> {
  const library = join(scratch, 'disk-record.so');
  const built = await runTool('gcc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl']);
  if (built.code !== 0) throw new Error(`gcc failed: ${built.stderr}`);
  return library;
}

/** A new record, `name` in `scratch`, of what happens below `folder`. */
export function newRecord(library: string, scratch: string, name: string, folder: string): DiskRecord {
  const trace = join(scratch, `${name}.trace`);
  const marks = join(scratch, `${name}.marks`);
  return {
    // Node's own threads call libc; io_uring would not.
    env: {
      LD_PRELOAD: library,
      UV_USE_IO_URING: '0',
      DISK_RECORD_FOLDER: folder,
      DISK_RECORD_TRACE: trace,
      DISK_RECORD_MARKS: marks,
    },
    marks,
    mark: (text) => appendFileSync(trace, markOf(text)),
    events: () => (existsSync(trace) ? eventsOf(readFileSync(trace)) : []),
  };
}

const HEAD_BYTES = 48;
const NAMES = [
  '',
  'end',
  'write',
  'writeSynced',
  'sync',
  'truncate',
  'create',
  'mkdir',
  'rename',
  'unlink',
  'link',
  'mark',
  'send',
] as const;

function markOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(HEAD_BYTES + bytes.length, 0);
  head.writeUInt32LE(NAMES.indexOf('mark'), 4);
  head.writeUInt32LE(bytes.length, 40);
  return Buffer.concat([head, bytes]);
}

/** Reads a trace as disk-record.c draws it. */
function eventsOf(trace: Buffer): DiskEvent[] {
  const events: DiskEvent[] = [];
  for (let at = 0; at < trace.length; at += trace.readUInt32LE(at)) events.push(eventOf(trace, at));
  return events;
}

function eventOf(trace: Buffer, at: number): DiskEvent {
  const call = String(trace.readBigUInt64LE(at + 8));
  const inode = String(trace.readBigUInt64LE(at + 16));
  const offset = Number(trace.readBigInt64LE(at + 24));
  const pathEnd = at + HEAD_BYTES + trace.readUInt32LE(at + 32);
  const secondEnd = pathEnd + trace.readUInt32LE(at + 36);
  const length = trace.readUInt32LE(at + 40);
  const bytes =
    trace.readUInt32LE(at + 44) === 1 ? Buffer.alloc(length) : trace.subarray(secondEnd, secondEnd + length);
  const path = trace.toString('utf8', at + HEAD_BYTES, pathEnd);
  const to = trace.toString('utf8', pathEnd, secondEnd);
  const kind = NAMES[trace.readUInt32LE(at + 4)];
  switch (kind) {
    case 'end':
      return { do: kind, call, result: offset };
    case 'write':
    case 'writeSynced':
      return { do: 'write', call, inode, at: offset, bytes, synced: kind === 'writeSynced' };
    case 'sync':
      return { do: kind, call, inode };
    case 'truncate':
      return { do: kind, call, inode, length: offset };
    case 'create':
    case 'mkdir':
      return { do: kind, path, inode, mode: offset };
    case 'rename':
    case 'link':
      return { do: kind, path, to };
    case 'unlink':
      return { do: kind, path };
    case 'mark':
      return { do: kind, text: bytes.toString() };
    case 'send':
      return { do: kind, call, socket: inode, bytes };
    default:
      throw new Error(`the trace is broken at ${at}`);
  }
}
