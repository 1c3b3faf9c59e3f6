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
export { RetainedIndex } from './retained-index.ts';
export type { SubscriptionFilter } from './shared-filter.ts';
export { isShared, parseSubscription, subscriptionFault } from './shared-filter.ts';
export { createSlab } from './slab.ts';
export { SubscriptionTrie } from './subscription-trie.ts';
export type { TopicEntry } from './topic-table.ts';
export { isTopic, TopicNameError, TopicTable } from './topic-table.ts';
