/** Every error that the HTTP side can answer with (RFC 9457): status, title, and what to do about it. */
export const PROBLEMS = {
  'bad-request': {
    status: 400,
    title: 'Bad request',
    help: 'The request breaks HTTP or its addressing rules. `detail` says where.',
  },
  'invalid-parameter': {
    status: 400,
    title: 'Invalid parameter',
    help: 'A query parameter or a member of the body is missing, unknown or out of bounds. `errors` names each one and what is allowed.',
  },
  'bad-json': {
    status: 400,
    title: 'Body is not valid JSON',
    help: 'Send one JSON object, in UTF-8, without the keys `__proto__` and `constructor.prototype`.',
  },
  'bad-topic': {
    status: 400,
    title: 'Bad topic',
    help: 'A topic name may not be empty, nor hold `+`, `#` or NUL, and topics that start with `$` belong to Sonde.',
  },
  'not-authenticated': {
    status: 401,
    title: 'Sign-in needed',
    help: 'Send the key and the secret of a token by HTTP Basic authentication. `sonde token create` makes one.',
  },
  'not-authorized': {
    status: 403,
    title: 'Not allowed',
    help: 'The token is valid, but its rules do not permit this.',
  },
  'foreign-origin': {
    status: 403,
    title: 'Request from another site',
    help: 'A page of another site may not use this server. A proxy before Sonde has to pass the Host header on unchanged.',
  },
  'foreign-namespace': {
    status: 403,
    title: 'Not your namespace',
    help: '`namespace` may only name a namespace of the credentials. Leave it out to use theirs.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    help: 'There is nothing at this address. `/api/docs` lists what there is.',
  },
  'unknown-series': {
    status: 404,
    title: 'Unknown series',
    help: 'No value was recorded for this topic and field. `GET /api/v1/series` lists those that were.',
  },
  'unknown-namespace': { status: 404, title: 'Unknown namespace', help: 'The namespace of these credentials is gone.' },
  'history-off': {
    status: 404,
    title: 'History is off',
    help: 'This Sonde was started with `--history off` and keeps no history.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    help: 'The header `Allow` lists the methods of this address.',
  },
  'request-timeout': { status: 408, title: 'Request took too long', help: 'The request did not arrive in time.' },
  'too-large': {
    status: 413,
    title: 'Too large',
    help: 'The body or the payload is larger than the limit that `detail` names.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    help: 'Send `Content-Type: application/json`.',
  },
  'upgrade-required': { status: 426, title: 'WebSocket needed', help: 'This address speaks MQTT over WebSocket only.' },
  'headers-too-large': {
    status: 431,
    title: 'Header too large',
    help: 'The request line and the headers together may have 16 KiB.',
  },
  internal: { status: 500, title: 'Internal error', help: 'A fault of Sonde. The log has the reason.' },
  'history-failed': {
    status: 500,
    title: 'History could not answer',
    help: 'The history process met a fault. The log has the reason.',
  },
  busy: {
    status: 503,
    title: 'Busy',
    help: 'As many requests of this kind as allowed are running. Try again after `Retry-After` seconds.',
  },
  'backup-failed': {
    status: 409,
    title: 'No backup was made',
    help: '`detail` says why. A backup that was not finished cannot be restored: remove its folder.',
  },
  'broker-full': {
    status: 503,
    title: 'No room for the message',
    help: 'A queue that the message must reach is full. Try again after `Retry-After` seconds.',
  },
  'broker-unavailable': {
    status: 503,
    title: 'The broker cannot answer now',
    help: 'It is starting, stopping, or cannot write to disk. Try again later.',
  },
  'access-unavailable': {
    status: 503,
    title: 'Sign-in cannot be checked now',
    help: 'Try again after `Retry-After` seconds.',
  },
  'history-unavailable': {
    status: 503,
    title: 'History cannot answer now',
    help: 'The history process is starting or restarting. Try again after `Retry-After` seconds.',
  },
  'history-memory': {
    status: 503,
    title: 'History has too little memory for that',
    help: 'Ask for a shorter span or fewer points, or give history more: `historyMemoryBytes`.',
  },
  'history-timeout': { status: 504, title: 'History took too long', help: 'Ask for a shorter span or fewer points.' },
} as const satisfies Record<string, { status: number; title: string; help: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One parameter that was refused. */
export type ParameterFault = {
  readonly in: 'query' | 'body' | 'path' | 'header';
  readonly name: string;
  /** What was wrong and what is allowed. */
  readonly detail: string;
};

export type ProblemExtras = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly errors?: readonly ParameterFault[];
  readonly cause?: unknown;
};

/** Thrown by a route or a hook to answer with a problem. `detail` is for the caller: no secrets, no inner names. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly ParameterFault[] | null;

  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}) {
    super(detail, { cause: extras.cause });
    this.name = 'Problem';
    this.code = code;
    this.headers = extras.headers ?? {};
    this.errors = extras.errors ?? null;
  }
}

/** Where the problems are explained; each has its code as anchor. */
export const PROBLEMS_PAGE = '/api/docs/problems';

export type ProblemDocument = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly errors?: readonly ParameterFault[];
};

/** The body of an `application/problem+json` answer; `url` loses its query, which may hold what logs should not. */
export function problemDocument(problem: Problem, url: string): ProblemDocument {
  const entry = PROBLEMS[problem.code];
  return {
    type: `${PROBLEMS_PAGE}#${problem.code}`,
    title: entry.title,
    status: entry.status,
    detail: problem.message,
    instance: instanceOf(url),
    ...(problem.errors === null ? {} : { errors: problem.errors }),
  };
}

const MAX_INSTANCE_CHARS = 200;

function instanceOf(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '/';
  return path.slice(0, MAX_INSTANCE_CHARS);
}
