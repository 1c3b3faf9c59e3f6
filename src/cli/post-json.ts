import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf, OperatorError } from '../base/index.ts';

/** Asks a running Sonde; waits as long as it takes, or until `stop`. An answer that says no, or none at all, is an OperatorError. */
export async function postJson(base: string, path: string, body: unknown, stop: AbortSignal): Promise<unknown> {
  const url = parse(base);
  const { status, text } = await exchange(url, path, JSON.stringify(body), stop).catch((error: unknown) => {
    if (stop.aborted) {
      throw new OperatorError(
        `this command was stopped; the Sonde at ${url.origin} goes on with what it was asked for`,
        'Its log tells how that ends.',
      );
    }
    throw new OperatorError(
      `no Sonde answers at ${url.origin}: ${messageOf(error)}`,
      'Say where its HTTP is with --url http://localhost:PORT',
    );
  });
  const answer = json(text);
  if (status === 200 && answer !== null) return answer;
  if (status === 401) {
    throw new OperatorError(
      `the Sonde at ${url.origin} wants a token`,
      `Give one that may do everything: --url ${url.protocol}//KEY:SECRET@${url.host}`,
    );
  }
  const detail = typeof answer?.['detail'] === 'string' ? answer['detail'] : `status ${status}`;
  throw new OperatorError(`the Sonde at ${url.origin} says: ${detail}`, 'Its log may say more.');
}

function parse(base: string): URL {
  if (!/^https?:\/\//.test(base) || !URL.canParse(base)) {
    throw new OperatorError(`${JSON.stringify(base)} is no HTTP address`, 'It looks like http://localhost:8080');
  }
  return new URL(base);
}

type Answered = { readonly status: number; readonly text: string };

function exchange(url: URL, path: string, body: string, signal: AbortSignal): Promise<Answered> {
  const { username, password, protocol } = url;
  const auth = username === '' ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` };
  const ask = protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = ask(new URL(path, url.origin), { method: 'POST', headers, signal, ...auth }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function json(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}
