import type { FastifyRequest } from 'fastify';
import type { App } from './context.ts';
import { Problem } from './problems.ts';

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]+)/i;

/**
 * Takes application/json and nothing else, which no form of another site can send. Bytes that are no UTF-8 are refused:
 * a replaced character would be another topic or payload than was meant.
 */
export function takeOnlyJson(app: App): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request: FastifyRequest, body: Buffer, done) => {
    const charset = CHARSET.exec(request.headers['content-type'] ?? '')?.[1]?.toLowerCase() ?? 'utf-8';
    if (charset !== 'utf-8' && charset !== 'utf8') {
      done(new Problem('unsupported-media-type', 'The body must be JSON in UTF-8.'));
      return;
    }
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    } catch {
      done(new Problem('bad-json', 'The body is no UTF-8.'));
      return;
    }
    void parse(request, text, done);
  });
}
