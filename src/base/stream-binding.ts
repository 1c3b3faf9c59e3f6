/** What Node's own streams read and write with. Private, so that every part of it may be missing in another Node. */
export type StreamBinding = {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last call left here, by the indexes below. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
};

export type WriteRequest = { oncomplete: ((status: number) => void) | null; buffer: Buffer | null };

/** The handle below a socket. */
export type StreamHandle = {
  readonly writeBuffer?: (request: WriteRequest, bytes: Buffer) => number;
  /** Called for each read; with a buffer of the user's own there is no argument. */
  onread?: (this: StreamHandle, bytes?: ArrayBuffer) => unknown;
};

/** Null where this Node does not let us past its streams: then everything goes by the streams. */
export const streamBinding: StreamBinding | null = findBinding();

function findBinding(): StreamBinding | null {
  try {
    const { binding: load } = process as unknown as { binding: (name: string) => Partial<StreamBinding> };
    const found = load('stream_wrap');
    const complete =
      typeof found.WriteWrap === 'function' &&
      found.streamBaseState instanceof Int32Array &&
      typeof found.kReadBytesOrError === 'number' &&
      typeof found.kLastWriteWasAsync === 'number';
    return complete ? (found as StreamBinding) : null;
  } catch {
    return null;
  }
}
