import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './context.ts';

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sonde</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Sonde runs</h1><p>The web app is not built. Run <code>npm run build</code> and start Sonde again.</p>
<p>The <a href="/api/docs">REST API</a> is here already.</p></html>\n`;

/** Serves the built web app; its files are public, since they hold no data. Returns what answers a page that is no file. */
export async function addWebApp(app: App, webRoot: string): Promise<(reply: FastifyReply) => FastifyReply> {
  if (!existsSync(join(webRoot, 'index.html'))) {
    const notBuilt = (reply: FastifyReply) =>
      reply.code(200).type('text/html; charset=utf-8').header('cache-control', 'no-store').send(NOT_BUILT);
    app.get('/', { schema: { hide: true } }, (_request, reply) => void notBuilt(reply));
    return notBuilt;
  }
  const hashed = join(webRoot, 'assets') + sep;
  await app.register(fastifyStatic, {
    root: webRoot,
    cacheControl: false,
    dotfiles: 'ignore',
    // The build names what is in assets/ by its content; everything else is asked for anew and answered by its ETag.
    setHeaders: (response, path) => {
      response.setHeader('cache-control', path.startsWith(hashed) ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  return (reply) => reply.code(200).sendFile('index.html');
}

/** Whether a request for an unknown path is a person who opens a page of the web app, not a script or a missing file. */
export function wantsPage(request: FastifyRequest): boolean {
  const path = request.url.split('?', 1)[0] ?? '';
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  if (path === '/api' || path.startsWith('/api/') || path.startsWith('/assets/')) return false;
  return (request.headers.accept ?? '').includes('text/html');
}
