import type { ReactNode } from 'react';
import { useEffect, useState } from 'react';
import { copyText } from '../net/clipboard.ts';
import { Icon } from './icons.tsx';

/** Copies a text and says for a moment whether it did. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }): ReactNode {
  const [said, setSaid] = useState<'done' | 'failed' | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => setSaid(null), 1600);
    return () => clearTimeout(timer);
  }, [said]);
  const label =
    said === 'done' ? 'Copied' : said === 'failed' ? 'Not allowed by the browser: select it by hand' : `Copy ${what}`;
  return (
    <button
      type="button"
      className="icon-button"
      title={label}
      aria-label={label}
      onClick={() => void copyText(text).then((done) => setSaid(done ? 'done' : 'failed'))}
    >
      <Icon name={said === 'done' ? 'done' : said === 'failed' ? 'close' : 'copy'} />
    </button>
  );
}
