import type { LiveLimits } from './port.ts';

/** Topics that a world remembers when nothing else is said. */
export const DEFAULT_MAX_TOPICS = 100_000;

/** The defaults of the live view's bounds. */
export const DEFAULT_LIMITS: LiveLimits = {
  framesPerSecond: 10,
  entriesPerFrame: 500,
  bytesPerFrame: 256 * 1024,
  digestsPerViewer: 64,
  viewers: 1000,
  digestsPerWorld: 512,
  turnMs: 5,
  restMs: 5,
};

/**
 * Levels of a topic that are nodes of the tree; what is beyond stays together as the last one. A topic may have 65,536
 * levels, and a few such ones would else take all memory.
 */
export const MAX_LEVELS = 64;

/** Nodes of a tree per topic that the index may hold. */
export const NODES_PER_TOPIC = 4;

/** Rows that all values digests of a world may have together, per topic that the index may hold. */
export const VALUE_ROWS_PER_TOPIC = 10;

/** Principals with rules of their own whose trees a world keeps at a time. */
export const MAX_RESTRICTED_LENSES = 64;

/** Something that is taken from and given back to by several. */
export type Budget = { left: number };
