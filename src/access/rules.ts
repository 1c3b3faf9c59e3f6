import { filterCovers, filterMatches, filtersOverlap } from '../topics/index.ts';
import type { TopicRules } from './port.ts';

/** Whom a rule of the configuration names. A key names one token; `*` names every token; the same for certificates. */
export type RuleSubject =
  | { readonly kind: 'token'; readonly key: string }
  | { readonly kind: 'every-token' }
  | { readonly kind: 'certificate'; readonly user: string }
  | { readonly kind: 'every-certificate' }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'everyone' };

/**
 * One rule of the configuration. A rule grants; what no rule grants is refused, but only to those whom some rule names:
 * a principal that no rule names has everything of its namespace. Filters may hold `%c` (client id) and `%u` (user name,
 * that is the token's key or the certificate's name); `%%` stands for a percent sign.
 */
export type TopicRule = {
  readonly subject: RuleSubject;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Taken away again from what all rules together let it subscribe to; none where left out. */
  readonly denySubscribe?: readonly string[];
};

/** What the rules are compiled for. `user` is null for anonymous: a user name that nobody checked must not grant. */
export type RuleHolder = {
  readonly kind: 'anonymous' | 'token' | 'certificate';
  readonly user: string | null;
  readonly clientId: string;
  readonly readOnly: boolean;
};

/** Everything of the namespace, with no check per message. */
export const ALL_TOPICS: TopicRules = {
  all: true,
  mayPublish: () => true,
  maySubscribe: () => 'yes',
  mayReceive: () => true,
};

/** Everything may be received, nothing may be published: a read-only token that no rule names. */
export const READ_ONLY_TOPICS: TopicRules = { ...ALL_TOPICS, all: false, mayPublish: () => false };

/** Whether some rule names this principal, so that only what rules grant is allowed to it. */
export function isNamed(rules: readonly TopicRule[], kind: RuleHolder['kind'], user: string | null): boolean {
  return rules.some((rule) => names(rule.subject, kind, user));
}

/** Whether the rules of this principal depend on its client id. */
export function dependsOnClientId(rules: readonly TopicRule[], kind: RuleHolder['kind'], user: string | null): boolean {
  return rules.some(
    (rule) =>
      names(rule.subject, kind, user) &&
      [...rule.publish, ...rule.subscribe, ...(rule.denySubscribe ?? [])].some((f) => f.includes('%c')),
  );
}

/** The rules of one principal as functions that the broker calls. */
export function compileRules(rules: readonly TopicRule[], holder: RuleHolder): TopicRules {
  const mine = rules.filter((rule) => names(rule.subject, holder.kind, holder.user));
  if (mine.length === 0) return holder.readOnly ? READ_ONLY_TOPICS : ALL_TOPICS;

  const publish = holder.readOnly ? [] : mine.flatMap((rule) => substituteAll(rule.publish, holder));
  const subscribe = mine.flatMap((rule) => substituteAll(rule.subscribe, holder));
  const deny = mine.flatMap((rule) => deniedTo(rule.denySubscribe ?? [], holder));
  return {
    all: false,
    mayPublish: (topic) => publish.some((filter) => filterMatches(filter, topic)),
    maySubscribe: (filter) => {
      const plain = withoutShare(filter);
      if (deny.some((denied) => filterCovers(denied, plain))) return 'denied';
      const whole = !deny.some((denied) => filtersOverlap(denied, plain));
      if (whole && subscribe.some((granted) => filterCovers(granted, plain))) return 'yes';
      return subscribe.some((granted) => filtersOverlap(granted, plain)) ? 'partly' : 'no';
    },
    mayReceive: (topic) =>
      subscribe.some((filter) => filterMatches(filter, topic)) && !deny.some((filter) => filterMatches(filter, topic)),
  };
}

/** Where a name cannot be put in, a denial covers every name: it may not become weaker by a strange client id. */
function deniedTo(filters: readonly string[], holder: RuleHolder): string[] {
  return filters.map(
    (filter) => substitute(filter, holder) ?? filter.replaceAll('%%', '%').replace(/[^/]*%[cu][^/]*/g, '+'),
  );
}

function names(subject: RuleSubject, kind: RuleHolder['kind'], user: string | null): boolean {
  if (subject.kind === 'everyone') return true;
  if (subject.kind === 'anonymous') return kind === 'anonymous';
  if (subject.kind === 'every-token') return kind === 'token';
  if (subject.kind === 'every-certificate') return kind === 'certificate';
  if (subject.kind === 'certificate') return kind === 'certificate' && subject.user === user;
  return kind === 'token' && subject.key === user;
}

function substituteAll(filters: readonly string[], holder: RuleHolder): string[] {
  const granted: string[] = [];
  for (const filter of filters) {
    const concrete = substitute(filter, holder);
    if (concrete !== null) granted.push(concrete);
  }
  return granted;
}

/**
 * The filter with names put in, in one pass so that a name holding `%u` is not read again; null when a name could change
 * what the filter means (wildcards, a level separator, NUL, a leading `$`) or is missing: then it grants nothing.
 */
export function substitute(filter: string, holder: Pick<RuleHolder, 'user' | 'clientId'>): string | null {
  let safe = true;
  const concrete = filter.replace(/%[cu%]/g, (mark) => {
    if (mark === '%%') return '%';
    const name = mark === '%c' ? holder.clientId : holder.user;
    if (name === null || !isPlainLevel(name)) {
      safe = false;
      return '';
    }
    return name;
  });
  return safe ? concrete : null;
}

function isPlainLevel(name: string): boolean {
  if (name.length === 0 || name.startsWith('$')) return false;
  return !/[+#/\0]/.test(name);
}

/** The filter of a shared subscription without `$share/GROUP/` (MQTT 5.0, 4.8.2). */
function withoutShare(filter: string): string {
  if (!filter.startsWith('$share/')) return filter;
  const end = filter.indexOf('/', 7);
  return end === -1 ? filter : filter.slice(end + 1);
}
