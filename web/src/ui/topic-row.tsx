import type { CSSProperties, ReactNode } from 'react';
import { isStale } from '../model/cadence.ts';
import type { Scheme } from '../model/colour.ts';
import type { TreeChild } from '../model/digest.ts';
import { formatAge, formatCount, formatExact, formatNumber, formatShort } from '../model/format.ts';
import type { Reading } from '../model/reading.ts';
import type { TopicMemory } from '../state/topic-memory.ts';
import { Icon } from './icons.tsx';
import { SparkLine } from './spark-line.tsx';

type Props = {
  readonly id: string;
  readonly style: CSSProperties;
  readonly label: ReactNode;
  readonly depth: number;
  readonly topic: string;
  /** Only in the tree: what is below. */
  readonly node?: TreeChild;
  readonly open?: boolean;
  /** Undefined for a node that holds no value itself. */
  readonly memory: TopicMemory | undefined;
  readonly nowMs: number;
  readonly scheme: Scheme;
  readonly selected: boolean;
  readonly active: boolean;
  readonly onActivate: () => void;
  readonly onToggle?: () => void;
};

/** One topic, or one node above topics: name, last value, trend, age. */
export function TopicRow(props: Props): ReactNode {
  const { id, style, label, depth, topic, node, open, memory, selected, active, onActivate, onToggle } = props;
  const parent = node !== undefined && node.children > 0;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the tree, which holds the focus.
    // biome-ignore lint/a11y/useFocusableInteractive: as above.
    <div
      id={id}
      className="row"
      role="treeitem"
      aria-level={depth + 1}
      aria-expanded={parent ? open === true : undefined}
      aria-selected={selected}
      data-active={active || undefined}
      data-testid="topic-row"
      data-topic={topic}
      style={{ ...style, '--depth': depth } as CSSProperties}
      onClick={onActivate}
      title={topic}
    >
      <span className="cell name">
        {parent ? (
          // biome-ignore lint/a11y/useSemanticElements: a button here would be a second stop for the same keys.
          // biome-ignore lint/a11y/useKeyWithClickEvents: the tree's arrow keys do this.
          <span
            className="twist"
            role="button"
            tabIndex={-1}
            aria-label={open ? 'Close' : 'Open'}
            data-open={open || undefined}
            onClick={(event) => {
              event.stopPropagation();
              onToggle?.();
            }}
          >
            <Icon name="right" size={14} />
          </span>
        ) : (
          <span className="twist" />
        )}
        <span className="label mono">{label}</span>
        {memory?.preview.retained && (
          <span className="retained" title="Retained: the broker keeps the last message for who subscribes later">
            <Icon name="retained" size={12} />
          </span>
        )}
      </span>
      {memory === undefined ? <Below node={node} open={open === true} /> : <Value {...props} memory={memory} />}
    </div>
  );
}

function Value({ memory, nowMs, topic, scheme }: Props & { readonly memory: TopicMemory }): ReactNode {
  const { preview, reading, changes } = memory;
  const at = preview.at;
  const ageMs = at === null ? null : nowMs - at / 1000;
  const stale = ageMs !== null && isStale(ageMs, memory.cadence);
  const single = reading.fields.length === 1 && typeof reading.fields[0]?.value === 'number';
  return (
    <>
      <span className="cell value" data-stale={stale || undefined}>
        <span
          key={changes}
          className={changes > 0 ? 'figure text glow' : 'figure text'}
          data-testid="topic-value"
          data-single={single || undefined}
          data-text={reading.fields.some((field) => typeof field.value === 'number') ? undefined : true}
        >
          <Summary reading={reading} />
        </span>
      </span>
      <span className="cell col-spark" data-stale={stale || undefined}>
        {memory.sparkField !== null && <SparkLine topic={topic} memory={memory} scheme={scheme} />}
      </span>
      <span className="cell col-count figure quieter">{formatCount(preview.messages)}</span>
      <span
        className="cell col-age figure"
        data-stale={stale || undefined}
        title={at === null ? undefined : formatExact(at)}
      >
        {ageMs === null ? '' : formatAge(ageMs)}
      </span>
    </>
  );
}

function Summary({ reading }: { readonly reading: Reading }): ReactNode {
  if (reading.figures.length < 2) return reading.summary;
  return reading.figures.map(({ field, value }) => (
    <span key={field} className="figure-pair">
      <span className="quieter">{field}</span> {formatNumber(value)}
    </span>
  ));
}

function Below({ node, open }: { readonly node: TreeChild | undefined; readonly open: boolean }): ReactNode {
  if (node === undefined) return null;
  const words = `${formatCount(node.topics)} ${node.topics === 1 ? 'topic' : 'topics'}`;
  return (
    <>
      <span className="cell value below">
        {/* A closed node shows that something happens below it. */}
        {!open && <span key={node.messages} className="pulse" aria-hidden="true" />}
        <span className="quieter">{words}</span>
      </span>
      <span className="cell col-spark" />
      <span className="cell col-count figure quieter" title={`${formatCount(node.messages)} messages`}>
        {formatShort(node.messages)}
      </span>
      <span className="cell col-age" />
    </>
  );
}
