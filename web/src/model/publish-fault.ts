const MAX_TOPIC_BYTES = 65_535;
const encoder = new TextEncoder();

/** Why a topic cannot be published to from here, as a sentence; null when it can. */
export function publishFault(topic: string): string | null {
  if (topic === '') return 'A topic is needed, for example sensors/temperature.';
  if (topic.includes('\0')) return 'A topic may not hold a NUL character.';
  if (/[+#]/.test(topic)) return 'The wildcards + and # are for subscribing; a topic to publish to has none.';
  if (topic.startsWith('$')) return 'Topics that begin with $ belong to the server.';
  if (encoder.encode(topic).length > MAX_TOPIC_BYTES) return 'A topic may be at most 65,535 bytes long.';
  return null;
}
