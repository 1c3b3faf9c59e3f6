import type { ReactNode } from 'react';
import { useRef, useState } from 'react';
import { formatBytes } from '../model/format.ts';
import type { Range } from '../model/ranges.ts';
import { windowOf } from '../model/ranges.ts';
import type { FileFormat } from '../net/downloads.ts';
import { FILE_FORMATS, filePath, saveFile } from '../net/downloads.ts';
import { useApp } from '../state/app-context.tsx';
import { Icon } from './icons.tsx';

/** The span on the screen as a file: every field of the topic, a column each. */
export function DownloadBar({ topic, range }: { readonly topic: string; readonly range: Range }): ReactNode {
  const { signedIn, rest, nowMs } = useApp();
  const [words, setWords] = useState('');
  const abort = useRef<AbortController | null>(null);

  const query = (format: FileFormat) => {
    const { fromMs, toMs } = windowOf(range, nowMs());
    const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
    return { topic, format, from: iso(fromMs), to: iso(toMs) };
  };

  const save = async (format: FileFormat): Promise<void> => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    setWords('Asking history…');
    try {
      await saveFile(rest, query(format), own.signal, (bytes) => setWords(`${formatBytes(bytes)} so far`));
      setWords('Saved.');
    } catch (error) {
      setWords(own.signal.aborted ? 'Stopped.' : (error as Error).message);
    } finally {
      if (abort.current === own) abort.current = null;
    }
  };

  return (
    <div className="downloads" data-testid="downloads">
      <span className="quiet small downloads-word">Download</span>
      {FILE_FORMATS.map(([format, label, hint]) =>
        signedIn ? (
          <button
            key={format}
            type="button"
            className="chip"
            data-testid={`download-${format}`}
            title={`${hint}. Collected in the browser's memory before it is saved; very large spans are better fetched with curl and the key.`}
            onClick={() => void save(format)}
          >
            <Icon name="download" size={13} /> {label}
          </button>
        ) : (
          // The address is made at the click, so that a sliding window ends now.
          <a
            key={format}
            className="chip"
            data-testid={`download-${format}`}
            href={filePath(query(format))}
            download=""
            title={hint}
            onPointerDown={(event) => {
              event.currentTarget.href = filePath(query(format));
            }}
          >
            <Icon name="download" size={13} /> {label}
          </a>
        ),
      )}
      {words !== '' && (
        <span className="quiet small" role="status">
          {words}{' '}
          {abort.current !== null && (
            <button type="button" className="link" onClick={() => abort.current?.abort()}>
              Stop
            </button>
          )}
        </span>
      )}
    </div>
  );
}
