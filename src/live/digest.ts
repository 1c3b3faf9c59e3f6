import type { ViewerState } from './viewer-state.ts';

/** One viewer's subscription to one digest. */
export type Watch = {
  readonly viewer: ViewerState;
  /** The computed topic as the viewer wrote it; frames are sent on it. */
  readonly topic: string;
  readonly digest: Digest;
  /** It has had its first frame. */
  started: boolean;
};

/** Something that is told to those who watch it, frame by frame, never faster than each of them takes it. */
export type Digest = {
  readonly watchers: number;
  readonly join: (watch: Watch) => void;
  readonly leave: (watch: Watch) => void;
  /** Whether there is something that the watcher does not know yet. */
  readonly hasNews: (watch: Watch) => boolean;
  /** Sends each of these watchers one frame; stops between two frames where the event loop may have its turn. */
  readonly deliver: (watches: readonly Watch[]) => Generator<void, void>;
};
