import { z } from 'zod';
import { type ApiContext, type App, callerOf } from '../context.ts';
import { GUARDED_PROBLEMS, json, problemResponses } from '../docs.ts';
import { markTruncated, sendRows } from '../json-rows.ts';
import { namespaceParameter, topicFilter, wholeNumber } from '../parameters.ts';
import type { TopicInfo } from '../ports.ts';
import { formatMicros } from '../time.ts';

export const topicsBody = z.object({
  topics: z.array(
    z.object({
      topic: z.string(),
      payload: z.string().meta({ description: 'The last payload, or its beginning.' }),
      encoding: z.enum(['utf8', 'base64']),
      payloadBytes: z.int().min(0).meta({ description: 'Of the whole payload.' }),
      truncated: z.boolean(),
      qos: z.int().min(0).max(2),
      retained: z.boolean(),
      messages: z.int().min(0).meta({ description: 'Since start.' }),
      last: z.string().meta({ format: 'date-time' }),
    }),
  ),
});

/** `GET /api/v1/topics`: what the broker knows of its topics now. */
export function addTopicsRoute(app: App, { broker, limits }: ApiContext): void {
  app.get(
    '/topics',
    {
      schema: {
        tags: ['broker'],
        operationId: 'listTopics',
        summary: 'The topics and their last messages',
        description: 'What the broker has in memory. Only topics that the credentials may receive.',
        querystring: z.strictObject({
          topic: topicFilter
            .meta({ description: 'Topic filter; all topics when left out.', examples: ['sensors/+/temperature'] })
            .default('#'),
          limit: wholeNumber(1, limits.listMax, 'At most so many topics.').default(limits.listDefault),
          namespace: namespaceParameter,
        }),
        response: {
          200: json('The topics.', topicsBody, TOPICS_EXAMPLE),
          ...problemResponses(...GUARDED_PROBLEMS),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request);
      const { rules } = principal;
      const { topic, limit } = request.query;
      const asked = rules.all ? limit + 1 : limits.listMax + 1;
      const found = broker.topics(principal.world, topic, asked);
      const allowed = rules.all ? found : found.filter((info) => rules.mayReceive(info.topic));
      markTruncated(reply, allowed.length > limit || found.length === asked);
      return sendRows(reply, 'topics', allowed.slice(0, limit), (row) => JSON.stringify(renderTopic(row)));
    },
  );
}

function renderTopic(info: TopicInfo) {
  const truncated = info.payload.length < info.payloadBytes;
  const text = textOf(info.payload, truncated);
  return {
    topic: info.topic,
    payload: text ?? Buffer.from(info.payload).toString('base64'),
    encoding: text === null ? 'base64' : 'utf8',
    payloadBytes: info.payloadBytes,
    truncated,
    qos: info.qos,
    retained: info.retained,
    messages: info.messages,
    last: formatMicros(info.lastAtUs),
  };
}

/** The text of UTF-8 bytes, or null. A preview may end within a character: `stream` leaves such an end out. */
function textOf(bytes: Uint8Array, truncated: boolean): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: truncated });
  } catch {
    return null;
  }
}

const TOPICS_EXAMPLE = {
  topics: [
    {
      topic: '/sensors/temperature',
      payload: '22.25',
      encoding: 'utf8',
      payloadBytes: 5,
      truncated: false,
      qos: 0,
      retained: false,
      messages: 3600,
      last: '2026-11-21T08:02:59.123519Z',
    },
  ],
};
