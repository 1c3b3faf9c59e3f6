import { z } from 'zod';
import { topicFilterFault, topicNameFault } from '../topics/index.ts';
import { ISO_RULE, parseIsoMicros } from './time.ts';

/** Parameters that several routes share. Every message completes the sentence "must be ...". */

/** A whole number in a query, written in decimal digits only. */
export function wholeNumber(min: number, max: number, description: string) {
  const error = `a whole number from ${min} to ${max}`;
  const digitsToNumber = (given: unknown) =>
    typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given;
  return z.preprocess(digitsToNumber, z.int({ error }).min(min, { error }).max(max, { error })).meta({ description });
}

/** A topic name, valid by MQTT 4.7. */
export const topicName = topicText('a topic name', topicNameFault);

/** A topic filter, valid by MQTT 4.7. */
export const topicFilter = topicText('a topic filter', topicFilterFault);

function topicText(what: string, faultOf: (text: string) => string | null) {
  return z.string({ error: what }).superRefine((text, context) => {
    const fault = hasLoneSurrogate(text) ? 'it is no valid Unicode' : faultOf(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: `${what} (${fault})` });
  });
}

/** A time in a query: ISO 8601, read as microseconds since 1970 UTC. */
export function isoTime(description: string) {
  return z
    .string({ error: ISO_RULE })
    .transform((text, context) => {
      const us = parseIsoMicros(text);
      if (us !== null) return us;
      context.addIssue({ code: 'custom', message: ISO_RULE });
      return z.NEVER;
    })
    .meta({ description, format: 'date-time' });
}

/** `?namespace=`: checked against the credentials after validation. */
export const namespaceParameter = z
  .string({ error: 'a namespace' })
  .max(128, { error: 'a namespace' })
  .meta({ description: 'Must be a namespace of the credentials; theirs when left out.' })
  .optional();

/** UTF-16 that has no UTF-8 form: it would silently turn into another text. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}
