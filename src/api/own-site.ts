import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Problem } from './problems.ts';

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;

/** Raises a problem for a request whose addressing is ambiguous: two Hosts, a malformed one, or an absolute target. */
export function checkAddressing(request: IncomingMessage): void {
  let hosts = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]?.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) throw new Problem('bad-request', 'The request has more than one Host header.');
  const { host } = request.headers;
  if (host !== undefined && host !== '' && !HOST.test(host)) {
    throw new Problem('bad-request', 'The Host header is no host name or address with an optional port.');
  }
  if (!request.url?.startsWith('/')) {
    throw new Problem('bad-request', 'The request target must be a path: Sonde is no proxy.');
  }
}

/** Raises a problem for any request that says it comes from a page of another site. */
export function checkOrigin(request: IncomingMessage): void {
  const { origin, host } = request.headers;
  if (origin === undefined) return;
  const encrypted = (request.socket as Partial<TLSSocket>).encrypted === true;
  if (!isOwnOrigin(origin, host, encrypted)) {
    throw new Problem('foreign-origin', 'The Origin header names another site than the Host header.');
  }
}

/**
 * The same for requests that carry no Origin, such as an image or a script tag of another page: browsers tell by
 * `Sec-Fetch-*`. Following a link to a download is fine, since the page that has the link cannot read the answer.
 */
export function checkFetchSite(request: IncomingMessage): void {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  const followsLink =
    request.method === 'GET' &&
    request.headers['sec-fetch-mode'] === 'navigate' &&
    request.headers['sec-fetch-dest'] === 'document';
  if (!followsLink) throw new Problem('foreign-origin', `The browser says that the request is ${site.slice(0, 40)}.`);
}

/** Whether an Origin is the site that the Host names; a proxy may have ended TLS in between. */
export function isOwnOrigin(origin: string, host: string | undefined, encrypted: boolean): boolean {
  const own = HOST.exec(host ?? '');
  if (own === null || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  if (encrypted && url.protocol !== 'https:') return false;
  const usual = url.protocol === 'https:' ? '443' : '80';
  return url.hostname === own[1]?.toLowerCase() && Number(url.port || usual) === Number(own[2] ?? usual);
}
