import type { ReactNode } from 'react';
import { isStale } from '../model/cadence.ts';
import type { Preview } from '../model/digest.ts';
import { formatAge, formatBytes, formatCount, formatExact } from '../model/format.ts';
import type { TopicMemory } from '../state/topic-memory.ts';
import { go } from '../state/view.ts';
import { CopyButton } from './copy-button.tsx';
import { Icon } from './icons.tsx';

type Props = {
  readonly topic: string;
  readonly preview: Preview | undefined;
  readonly memory: TopicMemory | undefined;
  readonly nowMs: number;
  readonly loaded: boolean;
};

/** The topic's name, and how fresh it is. */
export function TopicHead({ topic, preview, memory, nowMs, loaded }: Props): ReactNode {
  const close = (): void => go({ topic: null, fields: [] });
  const at = preview?.at ?? null;
  const ageMs = at === null ? null : nowMs - at / 1000;
  const stale = ageMs !== null && isStale(ageMs, memory?.cadence);
  const period = memory?.cadence.periodMs ?? null;
  return (
    <header className="topic-head">
      <button type="button" className="back" onClick={close}>
        <Icon name="back" /> Topics
      </button>
      <div className="topic-name">
        <h1 className="mono" data-testid="topic-name">
          {topic}
        </h1>
        <CopyButton text={topic} what="topic" />
        <span className="gap" />
        <button type="button" className="icon-button close" title="Close" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <p className="topic-facts quiet">
        {at !== null && ageMs !== null && (
          <span data-stale={stale || undefined} title={formatExact(at)}>
            {ageMs < 1500 ? 'just now' : `${formatAge(ageMs)} ago`}
            {stale && ', older than its pace'}
          </span>
        )}
        {period !== null && <span>about every {formatPeriod(period)}</span>}
        {preview !== undefined && (
          <span>
            {formatCount(preview.messages)} {preview.messages === 1 ? 'message' : 'messages'}
          </span>
        )}
        {preview !== undefined && <span>{formatBytes(preview.bytes)}</span>}
        {preview?.retained && (
          <span className="retained-badge" title="The broker keeps the last message for who subscribes later">
            retained
          </span>
        )}
        {preview === undefined && loaded && (
          <span>Not published since the broker started; what is on disk is below.</span>
        )}
      </p>
    </header>
  );
}

function formatPeriod(ms: number): string {
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  return ms < 60_000 ? `${Math.round(ms / 100) / 10} s` : formatAge(ms);
}
