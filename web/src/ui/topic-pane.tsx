import type { ReactNode } from 'react';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { Preview } from '../model/digest.ts';
import { isLive } from '../model/ranges.ts';
import { isBookkeeping, readPreview } from '../model/reading.ts';
import { useApp, useNow, useStatus } from '../state/app-context.tsx';
import { useView } from '../state/view.ts';
import { DownloadBar } from './download-bar.tsx';
import { FieldCards } from './field-cards.tsx';
import { FieldPlot } from './field-plot.tsx';
import { LastPayload } from './last-payload.tsx';
import { PublishForm } from './publish-form.tsx';
import { RangePicker } from './range-picker.tsx';
import { RecentValues } from './recent-values.tsx';
import { TopicHead } from './topic-head.tsx';
import { useFieldHistories } from './use-field-histories.ts';
import { useSeries } from './use-series.ts';
import { useValues } from './use-values.ts';

const FIRST_FIELDS = 3;
/** The broker makes at most ten frames a second. */
const FRAME_MS = 100;

/** One topic: its value now, its fields over time, its last payload, and a form to publish to it. */
export function TopicPane({ topic }: { readonly topic: string }): ReactNode {
  const { memories } = useApp();
  const { status, epoch, sureUs } = useStatus();
  const view = useView();
  const nowMs = useNow();
  const feed = useRef<(row: Preview) => void>(() => {});
  const options = useMemo(() => ({ onRow: (row: Preview) => feed.current(row) }), []);
  const store = useValues(topic, options);
  const { rows, loaded } = useSyncExternalStore(store.subscribe, store.snapshot);
  const { series, fault: seriesFault } = useSeries(topic, epoch);
  const row = rows.get(topic);
  const memory = memories.get(topic);
  const liveFields = memory?.reading.fields;

  const known = useMemo(() => {
    const names = new Set(series.map((one) => one.field));
    for (const { field } of liveFields ?? []) names.add(field);
    return [...names];
  }, [series, liveFields]);
  const numeric = known.filter((field) => {
    const live = liveFields?.find((one) => one.field === field)?.value;
    return typeof (live ?? series.find((one) => one.field === field)?.lastValue) === 'number';
  });
  const asked = view.fields.filter((field) => known.includes(field));
  const fields = asked.length > 0 ? asked : firstChoice(numeric.length > 0 ? numeric : known);
  const histories = useFieldHistories(topic, fields, view.range, series);

  useEffect(() => {
    feed.current = (preview) => {
      const arrivedUs = preview.at;
      if (arrivedUs === null) return;
      for (const { atUs, fields: read } of readPreview(preview).rows) {
        for (const { field, value } of read) histories.get(field)?.addLive(atUs, arrivedUs, value);
      }
    };
  }, [histories]);

  useEffect(() => {
    for (const history of histories.values()) history.setSure(sureUs);
  }, [histories, sureUs]);

  const [seen, setSeen] = useState(epoch);
  useEffect(() => {
    if (seen === epoch) return;
    setSeen(epoch);
    for (const history of histories.values()) history.reload();
  }, [epoch, seen, histories]);

  const sampled = Math.round(FRAME_MS / (memory?.cadence.periodMs ?? FRAME_MS));
  return (
    <div className="pane">
      <TopicHead topic={topic} preview={row} memory={memory} nowMs={nowMs} loaded={loaded} />
      <FieldCards topic={topic} known={known} chosen={fields} memory={memory} series={series} nowMs={nowMs} />
      <div className="chart-bar">
        <RangePicker range={view.range} />
        <DownloadBar topic={topic} range={view.range} />
      </div>
      <div className="charts" data-testid="chart">
        {seriesFault !== '' && <p className="note warn">{seriesFault} What comes live is shown.</p>}
        {status?.history.state === 'off' && (
          <p className="note">History is off: the chart begins when this page opened.</p>
        )}
        {sampled > 1 && (
          <p className="note">
            Faster than the page is told: at the right end one value of about {sampled} is drawn, until history gives
            the rest.
          </p>
        )}
        {memory?.reading.cut && (
          <p className="note">
            The payload is longer than the preview that the page gets: its fields are drawn from history, a few seconds
            late.
          </p>
        )}
        {fields.map((field, i) => {
          const times = i === fields.length - 1;
          const height = plotHeight(fields.length, times);
          const history = histories.get(field);
          const stored = series.find((one) => one.field === field);
          const unit = stored?.unit ?? null;
          const firstMs = stored?.first == null ? null : Date.parse(stored.first);
          return (
            history && (
              <FieldPlot key={field} {...{ topic, field, unit, history, firstMs, range: view.range, height, times }} />
            )
          );
        })}
        {fields.length > 0 && <ChartKey live={isLive(view.range)} />}
        {fields.length === 0 && loaded && <p className="quiet">No value of this topic is known yet.</p>}
      </div>
      <div className="columns">
        <LastPayload preview={row} />
        {fields[0] !== undefined && histories.has(fields[0]) && (
          <RecentValues field={fields[0]} history={histories.get(fields[0])!} />
        )}
      </div>
      <PublishForm topic={topic} />
    </div>
  );
}

/** A tall screen has taller plots; the last of several has the times below it. */
function plotHeight(count: number, times: boolean): number {
  const room = Math.max(0, window.innerHeight - 900);
  if (count === 1) return 270 + Math.round(room * 0.35);
  return (times ? 146 : 106) + Math.round((room * 0.35) / count);
}

/** What the lines mean; always there, so that nothing jumps when a value arrives. */
function ChartKey({ live }: { readonly live: boolean }): ReactNode {
  return (
    <p className="chart-key quieter small">
      <span>on disk</span>
      {live && <span className="key-arrived">arrived, may not be on disk yet</span>}
      <span className="key-band">least to greatest, where many values share a pixel</span>
    </p>
  );
}

/** A few measures at first; a field that only counts or names its samples waits to be chosen. */
function firstChoice(fields: readonly string[]): readonly string[] {
  const measures = fields.filter((field) => !isBookkeeping(field));
  return (measures.length > 0 ? measures : fields).slice(0, FIRST_FIELDS);
}
