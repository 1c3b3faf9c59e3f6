import { z } from 'zod';
import type { ApiLimits } from '../limits.ts';
import { isoTime, namespaceParameter, topicName, wholeNumber } from '../parameters.ts';

/** A value as history gives it back. */
export const pointValue = z.union([z.number(), z.string(), z.null(), z.object({ base64: z.string() })]).meta({
  description:
    'A number; null for a gap; text for what is no number (also for integers beyond 2^53, exact); base64 for bytes that are no UTF-8.',
});

export const pointsBody = z.object({
  points: z.array(z.tuple([z.string().meta({ format: 'date-time' }), pointValue])),
});

export const bucketsBody = z.object({
  points: z.array(z.tuple([z.string().meta({ format: 'date-time' }), z.number(), z.number().nullable(), z.number()])),
});

/** What each download format is called on the wire. */
export const DOWNLOADS = {
  csv: { type: 'text/csv; charset=utf-8', extension: 'csv' },
  parquet: { type: 'application/vnd.apache.parquet', extension: 'parquet' },
  hdf5: { type: 'application/x-hdf5', extension: 'h5' },
} as const;

/** The query of `GET /api/v1/points`. */
export function pointsQuery(limits: ApiLimits) {
  return z.strictObject({
    topic: topicName.meta({ description: 'The topic, exactly.', examples: ['/sensors/temperature'] }),
    field: z
      .string({ error: 'the name of a field' })
      .max(1024, { error: 'the name of a field, at most 1024 characters' })
      .meta({
        description:
          '`value` for a bare number (the default), else the path in the JSON: `kT`, `a.b`, `a[0]`. A download without it has all fields.',
      })
      .optional(),
    from: isoTime('Points at or after this time.').optional(),
    to: isoTime('Points before this time.').optional(),
    limit: wholeNumber(
      1,
      limits.pointsMax,
      `The first so many points (${limits.pointsDefault} when left out).`,
    ).optional(),
    points: wholeNumber(
      1,
      limits.bucketsMax,
      'Instead of `limit`: at most so many buckets `[time, min, avg, max]`.',
    ).optional(),
    format: z
      .enum(['json', 'csv', 'parquet', 'hdf5'], { error: 'json, csv, parquet or hdf5' })
      .meta({ description: '`json` (the default), or a file to download: without `limit` and `points`.' })
      .optional(),
    namespace: namespaceParameter,
  });
}
