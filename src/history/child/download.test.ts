import { expect, it } from 'vitest';
import { download } from './download.ts';
import { Incoming } from './incoming.ts';

it('an export whose bytes come before the word that it has begun has all of them', async () => {
  for (const isEarly of [0, 1, 2]) {
    const incoming = new Incoming({ pull: () => {}, close: () => {} });
    const parts = [() => incoming.pushBytes(Buffer.from('head')), () => incoming.push({ kind: 'end' })];
    for (const part of parts.slice(0, isEarly)) part();
    const source = download(incoming);
    incoming.push({ kind: 'answer', value: 'begun' });
    for (const part of parts.slice(isEarly)) part();
    const bytes = await source;
    expect(Buffer.from((await bytes.next()) ?? []).toString()).toBe('head');
    expect(await bytes.next()).toBeNull();
    bytes.close();
  }
});
