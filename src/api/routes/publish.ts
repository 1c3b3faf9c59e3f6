import { z } from 'zod';
import { type ApiContext, type App, callerOf } from '../context.ts';
import { GUARDED_PROBLEMS, json, problemResponses } from '../docs.ts';
import { hasLoneSurrogate, namespaceParameter, topicName } from '../parameters.ts';
import type { PublishRefusal } from '../ports.ts';
import { type ParameterFault, Problem, type ProblemCode } from '../problems.ts';
import { invalid } from '../validation.ts';

const qosError = { error: '0, 1 or 2' };

const publishBody = z.strictObject(
  {
    topic: topicName.meta({ description: 'Where to.', examples: ['home/lamp/set'] }),
    payload: z.unknown().meta({
      description:
        'Text is sent as its UTF-8 bytes; a number, true, false, null, a list or an object as its JSON text. JSON numbers pass ' +
        'through a double: send text where every digit counts. An empty text with `retain` clears the retained message.',
      examples: ['on'],
    }),
    encoding: z
      .enum(['utf8', 'base64'], { error: 'utf8 or base64' })
      .default('utf8')
      .meta({ description: '`base64`: the payload is text in base64, the bytes are sent.' }),
    qos: z
      .union([z.literal(0), z.literal(1), z.literal(2)], qosError)
      .default(0)
      .meta({ description: 'Quality of service.' }),
    retain: z
      .boolean({ error: 'true or false' })
      .default(false)
      .meta({ description: 'Keep as the last message of the topic.' }),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'a JSON object' : undefined) },
);

const acceptedBody = z.object({ status: z.literal('accepted'), topic: z.string(), bytes: z.int() });

const REFUSALS: Readonly<Record<PublishRefusal, ProblemCode>> = {
  'not-authorized': 'not-authorized',
  'bad-topic': 'bad-topic',
  'too-large': 'too-large',
  full: 'broker-full',
  unavailable: 'broker-unavailable',
};

/** `POST /api/v1/publish`: one message, as if a client had sent it. */
export function addPublishRoute(app: App, { broker }: ApiContext): void {
  app.post(
    '/publish',
    {
      schema: {
        tags: ['broker'],
        operationId: 'publish',
        summary: 'Publish a message',
        description:
          '202 once the message is as safe as its QoS asks for: with QoS 1 and 2, once it is in every durable place it must reach.',
        querystring: z.strictObject({ namespace: namespaceParameter }),
        body: publishBody,
        response: {
          202: json('Taken.', acceptedBody, { status: 'accepted', topic: 'home/lamp/set', bytes: 2 }),
          ...problemResponses(
            ...GUARDED_PROBLEMS,
            'bad-json',
            'bad-topic',
            'not-authorized',
            'too-large',
            'unsupported-media-type',
            'broker-full',
            'broker-unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request);
      const { topic, qos, retain } = request.body;
      const payload = payloadBytes(request.body);
      if (!principal.rules.mayPublish(topic)) {
        throw new Problem('not-authorized', 'The rules of these credentials do not let them publish to this topic.');
      }
      const result = await broker.publish(principal.world, { topic, payload, qos, retain }, principal);
      if (!result.ok) {
        const code = REFUSALS[result.reason];
        throw new Problem(code, result.detail, code === 'broker-full' ? { headers: { 'retry-after': '1' } } : {});
      }
      return reply.code(202).send({ status: 'accepted', topic, bytes: payload.length });
    },
  );
}

function payloadBytes({ payload, encoding }: z.output<typeof publishBody>): Uint8Array {
  if (payload === undefined) throw wrongPayload('is missing; it must be text, or any other JSON value');
  if (encoding === 'base64') {
    if (typeof payload !== 'string' || !isBase64(payload))
      throw wrongPayload('must be text in base64, as "encoding" says');
    return Buffer.from(payload, 'base64');
  }
  const text = typeof payload === 'string' ? payload : jsonText(payload);
  if (hasLoneSurrogate(text)) throw wrongPayload('must be valid Unicode: it has half of a surrogate pair');
  return Buffer.from(text, 'utf8');
}

function jsonText(payload: unknown): string {
  try {
    return JSON.stringify(payload);
  } catch {
    // JSON.parse takes any depth, JSON.stringify has the stack.
    throw wrongPayload('must not be nested so deeply');
  }
}

/** Standard or URL-safe alphabet, padded or not. */
function isBase64(text: string): boolean {
  const bare = text.replace(/={1,2}$/, '');
  return (
    bare.length % 4 !== 1 &&
    (bare === text || text.length % 4 === 0) &&
    /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)$/.test(bare)
  );
}

function wrongPayload(detail: string): Problem {
  const fault: ParameterFault = { in: 'body', name: 'payload', detail };
  return invalid([fault]);
}
