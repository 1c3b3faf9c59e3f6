/** A key and its secret, as long as this tab lives. */
export type Credentials = { readonly key: string; readonly secret: string };

const PLACE = 'sonde.credentials';

/** What was signed in with in this tab; null when nothing was, or the browser keeps nothing. */
export function loadCredentials(): Credentials | null {
  try {
    const value = JSON.parse(sessionStorage.getItem(PLACE) ?? 'null') as Partial<Credentials> | null;
    if (typeof value?.key !== 'string' || typeof value.secret !== 'string') return null;
    return { key: value.key, secret: value.secret };
  } catch {
    return null;
  }
}

/** Keeps them for reloads of this tab, or forgets them. A browser that refuses storage asks again after a reload. */
export function saveCredentials(credentials: Credentials | null): void {
  try {
    if (credentials === null) sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, JSON.stringify(credentials));
  } catch {
    // Private windows of some browsers refuse storage; signing in still works until the next reload.
  }
}

/** Value of the `Authorization` header: Basic over UTF-8, which `btoa` alone cannot do. */
export function basicHeader({ key, secret }: Credentials): string {
  let latin = '';
  for (const byte of new TextEncoder().encode(`${key}:${secret}`)) latin += String.fromCharCode(byte);
  return `Basic ${btoa(latin)}`;
}
