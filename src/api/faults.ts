import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type Bound, type Logger, messageOf, type Reached } from '../base/index.ts';
import { HistoryError } from '../history/index.ts';
import { PROBLEMS, Problem, type ProblemCode, problemDocument } from './problems.ts';

/** Fastify's own faults, in Sonde's terms. */
const FASTIFY_FAULTS: Readonly<Record<string, readonly [code: ProblemCode, detail: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'The body must be application/json.'],
  FST_ERR_CTP_EMPTY_TYPE: ['unsupported-media-type', 'The body must be application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['bad-json', 'The body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: [
    'bad-json',
    'The body is no JSON, or holds the key __proto__ or constructor.prototype.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 'The body is not as long as Content-Length says.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['too-large', 'The body is larger than this server takes.'],
  FST_ERR_BAD_URL: ['bad-request', 'The path has a percent escape that is no UTF-8.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'There is nothing at this address.'],
};

const HISTORY_FAULTS: Readonly<Record<HistoryError['code'], ProblemCode>> = {
  'unknown-series': 'unknown-series',
  busy: 'busy',
  timeout: 'history-timeout',
  'no-memory': 'history-memory',
  unavailable: 'history-unavailable',
  failed: 'history-failed',
};

/** Anything that was thrown, as the problem to answer with. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HistoryError) return fromHistory(error);
  const { code, statusCode } = error as Partial<FastifyError>;
  const known = FASTIFY_FAULTS[code ?? ''];
  if (known !== undefined) return new Problem(known[0], known[1], { cause: error });
  if (statusCode === 404) return new Problem('not-found', 'There is nothing at this address.', { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem('bad-request', messageOf(error), { cause: error });
  }
  return new Problem('internal', 'The request could not be completed.', { cause: error });
}

function fromHistory(error: HistoryError): Problem {
  const code = HISTORY_FAULTS[error.code];
  const retry = PROBLEMS[code].status === 503 ? { headers: { 'retry-after': '2' } } : {};
  // What failed inside history may name files and statements: that is for the log.
  const detail = code === 'history-failed' ? 'History met a fault while it answered.' : error.message;
  return new Problem(code, detail, { ...retry, cause: error });
}

/** The bound that a request has met; those of places at once are counted where the places are. */
function boundOf(error: unknown, { code }: Problem): Bound | null {
  if (code === 'too-large') return 'httpBodyBytes';
  if (!(error instanceof HistoryError)) return null;
  if (error.code === 'timeout') return 'historyQueryTimeoutS';
  return error.code === 'busy' ? 'historyQueries' : null;
}

/** Answers with a problem; counts those of a bound, and logs those that are Sonde's own fault. */
export function sendProblem(
  { logger, reached }: { readonly logger: Logger; readonly reached: Reached },
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = toProblem(error);
  const { status } = PROBLEMS[problem.code];
  const bound = boundOf(error, problem);
  if (bound !== null) reached[bound] += 1;
  if (status === 500) {
    logger.error(
      { method: request.method, path: request.url.split('?', 1)[0], error: messageOf(problem.cause ?? problem) },
      'an HTTP request failed',
    );
  }
  const body = problemDocument(problem, request.url);
  // A buffer, so that fastify adds no charset: the type has no such parameter (RFC 9457, 3).
  return reply
    .code(status)
    .headers(problem.headers)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(body)));
}
