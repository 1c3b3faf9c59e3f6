import { useEffect, useRef, useState } from 'react';
import { expectedPoints } from '../model/expected-points.ts';
import type { Range } from '../model/ranges.ts';
import type { Series } from '../net/rest.ts';
import { useApp } from '../state/app-context.tsx';
import type { FieldHistory } from '../state/field-history.ts';
import { createFieldHistory } from '../state/field-history.ts';

const NONE: ReadonlyMap<string, FieldHistory> = new Map();

/** One history for each chosen field; they live until the topic, the fields or the span change. */
export function useFieldHistories(
  topic: string,
  fields: readonly string[],
  range: Range,
  series: readonly Series[],
): ReadonlyMap<string, FieldHistory> {
  const { rest, nowMs } = useApp();
  const [histories, setHistories] = useState(NONE);
  const known = useRef(series);
  known.current = series;
  const key = JSON.stringify(fields);

  useEffect(() => {
    const made = new Map<string, FieldHistory>();
    for (const field of JSON.parse(key) as string[]) {
      const expected = expectedPoints(
        known.current.find((one) => one.field === field),
        range,
        nowMs(),
      );
      made.set(field, createFieldHistory({ rest, topic, field, range, nowMs, expected }));
    }
    setHistories(made);
    return () => {
      for (const history of made.values()) history.end();
    };
  }, [rest, topic, key, range, nowMs]);

  return histories;
}
