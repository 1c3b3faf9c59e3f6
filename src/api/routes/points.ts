import type { z } from 'zod';
import { type ApiContext, type App, callerOf, worldOf } from '../context.ts';
import { GUARDED_PROBLEMS, problemResponses } from '../docs.ts';
import { attachment, fileNameOf } from '../file-name.ts';
import { ask, requireHistory } from '../history-access.ts';
import { markTruncated } from '../json-rows.ts';
import { type ParameterFault, Problem } from '../problems.ts';
import { sendBytes } from '../send-bytes.ts';
import { invalid } from '../validation.ts';
import { bucketsBody, DOWNLOADS, pointsBody, pointsQuery } from './points-schema.ts';

/** `GET /api/v1/points`: the values of a series, whole, in buckets, or as a file. */
export function addPointsRoute(app: App, context: ApiContext): void {
  const querystring = pointsQuery(context.limits);
  app.get(
    '/points',
    {
      schema: {
        tags: ['history'],
        operationId: 'listPoints',
        summary: 'The values of a series',
        description: DESCRIPTION,
        querystring,
        response: {
          200: {
            description: 'The points in time order, ties in the order of arrival; or a file.',
            content: {
              'application/json': { schema: pointsBody.or(bucketsBody), example: POINTS_EXAMPLE },
              ...Object.fromEntries(
                Object.values(DOWNLOADS).map(({ type }) => [type.split(';', 1)[0], { schema: FILE_SCHEMA }]),
              ),
            },
          },
          ...problemResponses(
            ...GUARDED_PROBLEMS,
            'not-authorized',
            'unknown-series',
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
      const { topic, field, from = null, to = null, limit, points, format = 'json' } = request.query;
      checkTogether(request.query);
      if (!principal.rules.mayReceive(topic)) {
        throw new Problem('not-authorized', 'The rules of these credentials do not let them receive this topic.');
      }
      const span = { world: worldOf(context, principal), topic, fromUs: from, toUs: to };

      if (format !== 'json') {
        const { type, extension } = DOWNLOADS[format];
        const headers = {
          'content-type': type,
          'content-disposition': attachment(fileNameOf(topic, field ?? null, extension)),
        };
        // HEAD must not cost what GET does.
        if (request.method === 'HEAD') return reply.headers(headers).send();
        const open = () => history.export({ ...span, field: field ?? null, format });
        return context.downloads.send(reply, principal, headers, open);
      }

      const query = { ...span, field: field ?? 'value' };
      const { body, truncated } = await ask(context, reply, () =>
        points === undefined
          ? history.points(query, limit ?? context.limits.pointsDefault)
          : history.buckets(query, points),
      );
      markTruncated(reply, truncated);
      reply.type('application/json; charset=utf-8');
      if (Buffer.isBuffer(body)) return reply.send(body);
      return sendBytes(reply, body, await body.next(), context.logger);
    },
  );
}

/** What no single parameter can tell. */
function checkTogether({ from, to, limit, points, format = 'json' }: z.output<ReturnType<typeof pointsQuery>>): void {
  const faults: ParameterFault[] = [];
  const fault = (name: string, detail: string) => faults.push({ in: 'query', name, detail });
  if (limit !== undefined && points !== undefined) fault('points', 'cannot be given together with "limit"');
  if (format !== 'json' && limit !== undefined)
    fault('limit', 'is not for downloads; narrow them with "from" and "to"');
  if (format !== 'json' && points !== undefined)
    fault('points', 'is not for downloads; narrow them with "from" and "to"');
  if (from !== undefined && to !== undefined && from > to) fault('from', 'must not be after "to"');
  if (faults.length > 0) throw invalid(faults);
}

const DESCRIPTION = `The first \`limit\` points at or after \`from\` and before \`to\`. For the next page, ask again \`from\` the last time (points of that
very microsecond come again). With \`points\` instead of \`limit\`: at most that many buckets of equal width, \`[time, min, avg, max]\`.

With \`format=csv|parquet|hdf5\` a file is downloaded, streamed, without a limit on its rows; without \`field\` it has a column for each.`;

const POINTS_EXAMPLE = {
  points: [
    ['2026-11-21T07:03:00.123456Z', 22.25],
    ['2026-11-21T07:03:01.123519Z', 22.31],
  ],
};

const FILE_SCHEMA = { type: 'string', format: 'binary' };
