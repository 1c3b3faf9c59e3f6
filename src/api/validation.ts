import type {
  FastifySchemaCompiler,
  FastifySerializerCompiler,
  FastifyServerOptions,
  FastifyTypeProvider,
} from 'fastify';
import { z } from 'zod';
import { type ParameterFault, Problem } from './problems.ts';

/** Lets a route's handler see what its zod schemas give. */
export interface ZodProvider extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
  serializer: this['schema'] extends z.ZodType ? z.input<this['schema']> : unknown;
}

const PLACES = { querystring: 'query', body: 'body', params: 'path', headers: 'header' } as const;
const PLACE_NAMES = {
  query: 'Query parameter',
  body: 'Body member',
  path: 'Path parameter',
  header: 'Header',
} as const;
const MAX_FAULTS = 10;
const MAX_SHOWN_CHARS = 60;

/** Compiles a zod schema into fastify's validator; a fault becomes an `invalid-parameter` problem. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const place = PLACES[httpPart as keyof typeof PLACES] ?? 'body';
  return (data: unknown) => {
    const result = schema.safeParse(data);
    if (result.success) return { value: result.data };
    return { error: invalid(result.error.issues.flatMap((issue) => faultsOf(issue, schema, data, place))) };
  };
};

/** Answers are typed by their routes and checked against their schemas by tests, so they are only turned into text. */
export const compileSerializer: FastifySerializerCompiler<unknown> = () => (data) => JSON.stringify(data);

/** Both of them; fastify's types know its own schemas only. */
export const compilersFactory = {
  buildValidator: () => compileValidator,
  buildSerializer: () => compileSerializer,
} as unknown as NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;

/** A problem that names the parameters at fault. */
export function invalid(faults: readonly ParameterFault[]): Problem {
  const shown = faults.slice(0, MAX_FAULTS);
  const detail = shown.map((fault) => `${PLACE_NAMES[fault.in]} "${fault.name}" ${fault.detail}.`).join(' ');
  return new Problem('invalid-parameter', detail, { errors: shown });
}

function faultsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  data: unknown,
  place: ParameterFault['in'],
): ParameterFault[] {
  if (issue.code === 'unrecognized_keys') {
    const allowed = schema instanceof z.ZodObject ? Object.keys(schema.shape).join(', ') : '';
    return issue.keys.map((name) => ({ in: place, name: cut(name), detail: `is unknown; allowed are ${allowed}` }));
  }
  const name = cut(issue.path.map(String).join('.')) || '(all of it)';
  const given = at(data, issue.path);
  return [{ in: place, name, detail: describe(issue.message, given, place) }];
}

function describe(rule: string, given: unknown, place: ParameterFault['in']): string {
  if (given === undefined) return `is missing; it must be ${rule}`;
  if (place === 'query' && Array.isArray(given)) return `is given ${given.length} times; give it once`;
  return `must be ${rule}, but is ${quote(given)}`;
}

/** The messages of all schemas complete the sentence "must be ...". */
function quote(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return cut(text);
}

function cut(text: string): string {
  return text.length <= MAX_SHOWN_CHARS ? text : `${text.slice(0, MAX_SHOWN_CHARS)}... (${text.length} characters)`;
}

function at(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
