import { z } from 'zod';
import type { SeriesRow } from '../../history/index.ts';
import { type ApiContext, type App, callerOf, worldOf } from '../context.ts';
import { GUARDED_PROBLEMS, json, problemResponses } from '../docs.ts';
import { ask, requireHistory } from '../history-access.ts';
import { markTruncated, sendRows } from '../json-rows.ts';
import { namespaceParameter, topicFilter, wholeNumber } from '../parameters.ts';
import { formatMicrosOrNull } from '../time.ts';
import { pointValue } from './points-schema.ts';

const time = z.string().meta({ format: 'date-time' }).nullable();

export const seriesBody = z.object({
  series: z.array(
    z.object({
      id: z.int(),
      topic: z.string(),
      field: z.string(),
      unit: z.string().nullable(),
      count: z.int(),
      first: time,
      last: time,
      lastValue: pointValue,
    }),
  ),
});

/** `GET /api/v1/series`: what was recorded. */
export function addSeriesRoute(app: App, context: ApiContext): void {
  const { limits } = context;
  app.get(
    '/series',
    {
      schema: {
        tags: ['history'],
        operationId: 'listSeries',
        summary: 'The series that were recorded',
        description: 'One series per topic and field. Only those that the credentials may receive.',
        querystring: z.strictObject({
          topic: topicFilter
            .meta({ description: 'Topic filter; all topics when left out.', examples: ['sensors/+/temperature'] })
            .default('#'),
          limit: wholeNumber(1, limits.seriesMax, 'At most so many series.').default(limits.seriesDefault),
          namespace: namespaceParameter,
        }),
        response: {
          200: json('The series, by topic and field.', seriesBody, SERIES_EXAMPLE),
          ...problemResponses(
            ...GUARDED_PROBLEMS,
            'history-off',
            'busy',
            'history-unavailable',
            'history-failed',
            'history-memory',
            'history-timeout',
          ),
        },
      },
    },
    async (request, reply) => {
      const history = requireHistory(context);
      const { principal } = callerOf(request);
      const { rules } = principal;
      const world = worldOf(context, principal);
      const { topic, limit } = request.query;
      // Rules narrow the answer after history's own limit, so those who have rules let history look further.
      const most = rules.all ? limit + 1 : limits.seriesMax + 1;
      const found = await ask(context, reply, () => history.series(world, topic, most));
      const allowed = rules.all ? found : found.filter((row) => rules.mayReceive(row.topic));
      markTruncated(reply, allowed.length > limit || found.length === most);
      return sendRows(reply, 'series', allowed.slice(0, limit), (row) => JSON.stringify(renderSeries(row)));
    },
  );
}

function renderSeries(row: SeriesRow) {
  return {
    id: row.id,
    topic: row.topic,
    field: row.field,
    unit: row.unit,
    count: row.count,
    first: formatMicrosOrNull(row.firstUs),
    last: formatMicrosOrNull(row.lastUs),
    lastValue: row.lastValue,
  };
}

const SERIES_EXAMPLE = {
  series: [
    {
      id: 1,
      topic: '/sensors/temperature',
      field: 'value',
      unit: null,
      count: 3600,
      first: '2026-11-21T07:03:00.123456Z',
      last: '2026-11-21T08:02:59.123519Z',
      lastValue: 22.25,
    },
  ],
};
