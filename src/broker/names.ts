import { type TopicFault, topicNameFault } from '../topics/index.ts';
import type { BrokerCore } from './core.ts';

/** Levels of a topic name or filter. */
export function levelsOf(name: string): number {
  let levels = 1;
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) levels += 1;
  return levels;
}

/** Why a name or filter is deeper than this broker takes, or null. */
export function depthFault(core: BrokerCore, name: string): TopicFault {
  const levels = levelsOf(name);
  const { maxTopicLevels } = core.limits;
  return levels > maxTopicLevels ? `it has ${levels} levels, more than ${maxTopicLevels}` : null;
}

/** Why nothing may be published to a name that comes as text, or null. */
export function nameFault(core: BrokerCore, name: string): TopicFault {
  return topicNameFault(name) ?? depthFault(core, name);
}
