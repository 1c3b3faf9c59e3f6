export type { TopicFault } from './filter.ts';
export {
  filterCovers,
  filterMatches,
  filtersOverlap,
  MAX_TOPIC_BYTES,
  topicFilterFault,
  topicNameFault,
  utf8Length,
} from './filter.ts';
