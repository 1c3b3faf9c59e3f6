import type { FastifyReply, FastifyRequest } from 'fastify';

/** For pages: everything from here, MQTT over WebSocket too. Inline styles are Mantine's and Swagger's. */
const PAGE_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ');

/** For data: nothing in it may ever run. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Gives an answer its protection, errors included. No CORS header is ever sent. */
export function protect(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?', 1)[0] ?? '/';
  const data = path === '/health' || path === '/metrics' || path.startsWith('/api/v1/');
  reply.headers({
    'content-security-policy': data ? DATA_POLICY : PAGE_POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'SAMEORIGIN',
    'referrer-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  });
  if (data) reply.header('cache-control', 'no-store');
}
