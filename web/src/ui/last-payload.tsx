import type { ReactNode } from 'react';
import type { Preview } from '../model/digest.ts';
import { formatCount } from '../model/format.ts';
import { CopyButton } from './copy-button.tsx';

/** The last payload as it came; JSON on lines of its own. */
export function LastPayload({ preview }: { readonly preview: Preview | undefined }): ReactNode {
  if (preview === undefined || preview.payload === null) return null;
  const { payload, bytes, binary } = preview;
  const shown = binary ? hexOf(payload) : pretty(payload);
  const cut = binary ? atob(payload).length < bytes : new TextEncoder().encode(payload).length < bytes;
  return (
    <section className="block payload">
      <h2>
        Last payload <CopyButton text={binary ? hexOf(payload) : payload} what="payload" />
      </h2>
      <pre className="mono" data-testid="payload">
        {shown}
      </pre>
      <p className="quieter small">
        {binary && 'Not UTF-8: shown as hexadecimal. '}
        {cut && `Only the beginning: the payload has ${formatCount(bytes)} bytes.`}
      </p>
    </section>
  );
}

function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function hexOf(base64: string): string {
  return Array.from(atob(base64), (c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join(' ');
}
