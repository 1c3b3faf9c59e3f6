import { type TopicFault, topicNameFault } from '../topics/index.ts';
import type { BrokerCore } from './core.ts';

/** Levels of a topic name or filter. */
export function levelsOf(name: string): number {
  let levels = 1;
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) levels += 1;
  return levels;
}

/** Why a name or filter is longer or deeper than this broker takes, or null. Counted: whoever asks refuses it. */
export function sizeFault(core: BrokerCore, name: string): TopicFault {
  const { maxTopicLevels, maxTopicBytes } = core.limits;
  const bytes = Buffer.byteLength(name);
  if (bytes > maxTopicBytes) {
    core.reached.maxTopicBytes += 1;
    return `it has ${bytes} bytes, more than ${maxTopicBytes}`;
  }
  const levels = levelsOf(name);
  if (levels <= maxTopicLevels) return null;
  core.reached.maxTopicLevels += 1;
  return `it has ${levels} levels, more than ${maxTopicLevels}`;
}

/** Why nothing may be published to a name that comes as text, or null. */
export function nameFault(core: BrokerCore, name: string): TopicFault {
  return topicNameFault(name) ?? sizeFault(core, name);
}
