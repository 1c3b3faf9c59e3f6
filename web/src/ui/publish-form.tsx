import { Button, Checkbox, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { useState } from 'react';
import { publishFault } from '../model/publish-fault.ts';
import { useApp } from '../state/app-context.tsx';
import { Icon } from './icons.tsx';

type QoS = 0 | 1 | 2;
type Outcome = { readonly kind: 'sent' | 'fault'; readonly text: string; readonly count: number };

const QOS_WORDS: readonly string[] = [
  'at most once: sent and not acknowledged',
  'at least once: the broker acknowledges it',
  'exactly once: acknowledged in two steps',
];

/** Publishes over this page's own MQTT connection. */
export function PublishForm({ topic: first }: { readonly topic: string }): ReactNode {
  const { link, session } = useApp();
  const [topic, setTopic] = useState(first);
  const [payload, setPayload] = useState('');
  const [qos, setQos] = useState<QoS>(1);
  const [retain, setRetain] = useState(false);
  const [sending, setSending] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);

  const say = (kind: Outcome['kind'], text: string): void =>
    setOutcome((before) => ({ kind, text, count: (before?.count ?? 0) + 1 }));

  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const fault = publishFault(topic);
    if (fault !== null) {
      say('fault', fault);
      return;
    }
    setSending(true);
    const startMs = performance.now();
    try {
      await link.publish({ topic, payload, qos, retain });
      const took = Math.max(1, Math.round(performance.now() - startMs));
      const cleared = retain && payload === '' ? ' The empty payload removes the retained message.' : '';
      say(
        'sent',
        (qos === 0 ? 'Sent. QoS 0 has no acknowledgement.' : `Acknowledged by the broker after ${took} ms.`) + cleared,
      );
    } catch (error) {
      say('fault', (error as Error).message);
    } finally {
      setSending(false);
    }
  };

  return (
    <form className="publish" data-testid="publish-form" onSubmit={(event) => void send(event)} noValidate>
      <h2>Publish</h2>
      {!session.publish && (
        <p className="note warn">This key may only read: the broker will refuse what it publishes.</p>
      )}
      <TextInput
        label="Topic"
        data-testid="publish-topic"
        classNames={{ input: 'mono' }}
        value={topic}
        placeholder="sensors/temperature"
        spellCheck={false}
        autoCapitalize="none"
        autoComplete="off"
        onChange={(event) => setTopic(event.currentTarget.value)}
      />
      <Textarea
        label="Payload"
        data-testid="publish-payload"
        classNames={{ input: 'mono' }}
        value={payload}
        placeholder="21.5"
        rows={2}
        spellCheck={false}
        autoCapitalize="none"
        onChange={(event) => setPayload(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
        }}
      />
      <div className="publish-row">
        <div title={`QoS ${qos}, ${QOS_WORDS[qos]}`}>
          <SegmentedControl
            aria-label="QoS"
            data-testid="publish-qos"
            value={String(qos)}
            onChange={(value) => setQos(Number(value) as QoS)}
            data={['0', '1', '2'].map((value) => ({ value, label: `QoS ${value}` }))}
          />
        </div>
        <Checkbox
          label="Retain"
          iconColor="var(--on-accent)"
          data-testid="publish-retain"
          title="The broker keeps this message and gives it to everyone who subscribes later"
          checked={retain}
          onChange={(event) => setRetain(event.currentTarget.checked)}
        />
        <Button
          type="submit"
          loading={sending}
          disabled={!session.publish}
          leftSection={<Icon name="send" />}
          data-testid="publish-send"
        >
          Publish
        </Button>
      </div>
      <p
        key={outcome?.count ?? 0}
        className={
          outcome === null ? 'publish-outcome' : `publish-outcome ${outcome.kind === 'sent' ? 'ok-text' : 'bad-text'}`
        }
        role="status"
        data-testid="publish-outcome"
      >
        {outcome?.text ?? QOS_WORDS[qos]?.replace(/^./, (letter) => letter.toUpperCase())}
      </p>
    </form>
  );
}
