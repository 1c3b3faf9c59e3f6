import { z } from 'zod';
import { keyFault, type RuleSubject, type TopicRule } from '../access/index.ts';
import { topicFilterFault } from '../topics/index.ts';

const filter = z.string().check((ctx) => {
  const fault = ruleFilterFault(ctx.value);
  if (fault !== null) ctx.issues.push({ code: 'custom', message: fault, input: ctx.value });
});

const publishFilter = filter.check((ctx) => {
  if (!/^\$(sonde|SYS)(\/|$)/.test(ctx.value)) return;
  ctx.issues.push({ code: 'custom', message: 'nobody may publish to $sonde/ and $SYS/', input: ctx.value });
});

/** One rule as the configuration file writes it, read into a `TopicRule`. */
export const ruleSchema = z
  .strictObject({
    token: z.string().optional(),
    certificate: z.string().min(1, 'is empty').optional(),
    anonymous: z.literal(true).optional(),
    everyone: z.literal(true).optional(),
    publish: z.array(publishFilter).optional(),
    subscribe: z.array(filter).optional(),
    denySubscribe: z.array(filter).min(1, 'is empty').optional(),
  })
  .transform((rule, ctx): TopicRule => {
    const subjects = subjectsOf(rule);
    const [subject] = subjects;
    if (subject === undefined || subjects.length > 1) {
      ctx.addIssue(
        'needs exactly one of token: KEY, token: "*", certificate: NAME, certificate: "*", anonymous: true, everyone: true',
      );
      return z.NEVER;
    }
    if (subject.kind === 'token' && keyFault(subject.key) !== null) {
      ctx.addIssue(`token: ${JSON.stringify(subject.key)} cannot be a token's key: ${keyFault(subject.key)}`);
      return z.NEVER;
    }
    if (rule.publish === undefined && rule.subscribe === undefined) {
      ctx.addIssue('needs publish or subscribe; write [] for nothing');
      return z.NEVER;
    }
    const grants = { subject, publish: rule.publish ?? [], subscribe: rule.subscribe ?? [] };
    return rule.denySubscribe === undefined ? grants : { ...grants, denySubscribe: rule.denySubscribe };
  });

function subjectsOf(rule: {
  readonly token?: string | undefined;
  readonly certificate?: string | undefined;
  readonly anonymous?: true | undefined;
  readonly everyone?: true | undefined;
}): RuleSubject[] {
  const subjects: RuleSubject[] = [];
  if (rule.token === '*') subjects.push({ kind: 'every-token' });
  else if (rule.token !== undefined) subjects.push({ kind: 'token', key: rule.token });
  if (rule.certificate === '*') subjects.push({ kind: 'every-certificate' });
  else if (rule.certificate !== undefined) subjects.push({ kind: 'certificate', user: rule.certificate });
  if (rule.anonymous) subjects.push({ kind: 'anonymous' });
  if (rule.everyone) subjects.push({ kind: 'everyone' });
  return subjects;
}

/** What is wrong with a filter that may hold `%c` and `%u`, or null. */
export function ruleFilterFault(text: string): string | null {
  const unknown = /%(?![cu%])./.exec(text.replaceAll('%%', ''));
  if (unknown !== null || /(^|[^%])(%%)*%$/.test(text)) {
    return `${JSON.stringify(text)}: after % comes c (client id), u (user name) or % (a percent sign)`;
  }
  if (text.startsWith('$share/'))
    return `${JSON.stringify(text)}: leave $share/GROUP/ out, shared or not is the same right`;
  const fault = topicFilterFault(text);
  return fault === null ? null : `${JSON.stringify(text)}: ${fault}`;
}
