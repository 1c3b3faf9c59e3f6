/** Topic names and filters as text, per MQTT 4.7. All lengths are bytes of UTF-8. */

export const MAX_TOPIC_BYTES = 65_535;

/** Why a topic name or filter is refused, or null when it is fine. */
export type TopicFault = string | null;

/** A name may be published to: not empty, no wildcard, no NUL, at most 65,535 bytes [MQTT-4.7.3-1..3, MQTT-3.3.2-2, MQTT-4.7.0-1]. */
export function topicNameFault(name: string): TopicFault {
  if (name.length === 0) return 'the topic name is empty';
  if (name.includes('\0')) return 'the topic name holds a NUL character';
  if (name.includes('+') || name.includes('#')) return 'a topic name may not hold the wildcards + and #';
  if (utf8Length(name) > MAX_TOPIC_BYTES) return 'the topic name is longer than 65,535 bytes';
  return null;
}

/** A filter may be subscribed to: wildcards stand for a whole level, `#` only last [MQTT-4.7.1-1..3]. */
export function topicFilterFault(filter: string): TopicFault {
  if (filter.length === 0) return 'the topic filter is empty';
  if (filter.includes('\0')) return 'the topic filter holds a NUL character';
  if (utf8Length(filter) > MAX_TOPIC_BYTES) return 'the topic filter is longer than 65,535 bytes';
  for (let at = 0; at < filter.length; at++) {
    const c = filter.charCodeAt(at);
    if (c !== HASH && c !== PLUS) continue;
    const startsLevel = at === 0 || filter.charCodeAt(at - 1) === SLASH;
    const endsLevel = at === filter.length - 1 || filter.charCodeAt(at + 1) === SLASH;
    if (!startsLevel || !endsLevel) return `the wildcard ${filter[at]} must stand for a whole level`;
    if (c === HASH && at !== filter.length - 1) return 'the wildcard # must be the last level';
  }
  return null;
}

/**
 * Whether a filter matches a topic name. `#` also matches its parent level, and a leading wildcard never matches a
 * topic that starts with `$` [MQTT-4.7.1-2, MQTT-4.7.2-1]. Both are taken as valid. No recursion, no allocation.
 */
export function filterMatches(filter: string, topic: string): boolean {
  const first = filter.charCodeAt(0);
  if (topic.charCodeAt(0) === DOLLAR && (first === HASH || first === PLUS)) return false;

  let f = 0;
  let t = 0;
  for (;;) {
    const c = filter.charCodeAt(f);
    if (c === HASH) return true;
    if (c === PLUS) {
      f += 1;
      while (t < topic.length && topic.charCodeAt(t) !== SLASH) t += 1;
    } else {
      while (f < filter.length && filter.charCodeAt(f) !== SLASH) {
        if (t >= topic.length || filter.charCodeAt(f) !== topic.charCodeAt(t)) return false;
        f += 1;
        t += 1;
      }
    }
    const filterEnds = f >= filter.length;
    const topicEnds = t >= topic.length;
    if (filterEnds && topicEnds) return true;
    if (topicEnds) return filter.length === f + 2 && filter.charCodeAt(f + 1) === HASH;
    if (filterEnds || topic.charCodeAt(t) !== SLASH) return false;
    f += 1;
    t += 1;
  }
}

/** Whether every topic that `inner` matches is matched by `outer` too. */
export function filterCovers(outer: string, inner: string): boolean {
  const o = outer.split('/');
  const i = inner.split('/');
  if (inner.charCodeAt(0) === DOLLAR && (o[0] === '#' || o[0] === '+')) return false;
  for (let level = 0; level < o.length; level++) {
    if (o[level] === '#') return true;
    if (level >= i.length || i[level] === '#') return false;
    if (o[level] !== '+' && o[level] !== i[level]) return false;
  }
  return o.length === i.length;
}

/** Whether there may be a topic that both filters match. */
export function filtersOverlap(a: string, b: string): boolean {
  const dollarA = a.charCodeAt(0) === DOLLAR;
  const dollarB = b.charCodeAt(0) === DOLLAR;
  const x = a.split('/');
  const y = b.split('/');
  if (dollarA !== dollarB) return false;
  for (let level = 0; ; level++) {
    if (x[level] === '#' || y[level] === '#') return true;
    if (level >= x.length || level >= y.length) {
      return x.length === y.length;
    }
    if (x[level] !== '+' && y[level] !== '+' && x[level] !== y[level]) return false;
  }
}

/** Bytes of the UTF-8 form; a lone surrogate counts as the replacement character that it becomes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x80) continue;
    bytes += c < 0x800 ? 1 : 2;
    // A pair of surrogates is two units and four bytes: the second one has been counted.
    if (c >= 0xd800 && c < 0xdc00 && text.charCodeAt(i + 1) >> 10 === 0x37) i += 1;
  }
  return bytes;
}

const HASH = 0x23;
const DOLLAR = 0x24;
const PLUS = 0x2b;
const SLASH = 0x2f;
