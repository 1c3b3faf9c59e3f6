import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { formatCount, formatRate } from '../model/format.ts';
import { useStatus } from '../state/app-context.tsx';
import { Icon } from './icons.tsx';

type Props = { readonly topics: number; readonly onPublish: (() => void) | null };

/** What the tree holds, in figures, above its columns. */
export function TreeHead({ topics, onPublish }: Props): ReactNode {
  const { status, health } = useStatus();
  return (
    <div className="tree-head">
      <p className="tree-facts" data-old={health.level === 'bad' || undefined}>
        <Fact value={formatCount(topics)} word={topics === 1 ? 'topic' : 'topics'} />
        {status !== null && <Fact value={formatRate(status.messagesPerSecond)} word="messages/s" />}
        {status !== null && (
          <Fact value={formatCount(status.clients)} word={status.clients === 1 ? 'client' : 'clients'} />
        )}
      </p>
      {onPublish !== null && (
        <Button
          size="compact-md"
          variant="default"
          leftSection={<Icon name="send" />}
          data-testid="publish-open"
          onClick={onPublish}
        >
          Publish
        </Button>
      )}
    </div>
  );
}

function Fact({ value, word }: { readonly value: string; readonly word: string }): ReactNode {
  return (
    <span className="fact">
      <b className="figure">{value}</b> <span className="quiet">{word}</span>
    </span>
  );
}
