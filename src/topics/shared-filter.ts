import { type TopicFault, topicFilterFault } from './filter.ts';

const WORD = '$share';
const PREFIX = `${WORD}/`;

/** What a client subscribes to: an ordinary filter, or `$share/{name}/{filter}` (MQTT 5.0, 4.8.2). */
export type SubscriptionFilter = {
  /** The ShareName; null: not shared. */
  readonly shareName: string | null;
  /** What is compared with topic names. */
  readonly filter: string;
};

/** Whether it asks for a shared subscription [MQTT-4.8.2-1]. `$share` alone does, too, and lacks the rest. */
export function isShared(text: string): boolean {
  return text.startsWith(PREFIX) || text === WORD;
}

/** Takes the text of a SUBSCRIBE apart; what is not valid has an empty name or filter. */
export function parseSubscription(text: string): SubscriptionFilter {
  if (!isShared(text)) return { shareName: null, filter: text };
  const slash = text.indexOf('/', PREFIX.length);
  if (slash < 0) return { shareName: text.slice(PREFIX.length), filter: '' };
  return { shareName: text.slice(PREFIX.length, slash), filter: text.slice(slash + 1) };
}

/** Why it may not be subscribed to, or null. The rules for topic filters apply to the filter alone. */
export function subscriptionFault({ shareName, filter }: SubscriptionFilter): TopicFault {
  if (shareName === null) return topicFilterFault(filter);
  if (shareName === '') return 'a shared subscription needs a name: $share/NAME/FILTER'; // [MQTT-4.8.2-1]
  if (/[+#\0]/.test(shareName)) return 'the name of a shared subscription may not hold +, # or NUL'; // [MQTT-4.8.2-2]
  if (filter === '') return 'a shared subscription needs a filter after its name: $share/NAME/FILTER';
  return topicFilterFault(filter);
}
