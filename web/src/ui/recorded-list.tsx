import type { ReactNode } from 'react';
import { go } from '../state/view.ts';

type Props = { readonly topics: readonly string[]; readonly title: string };

/** Topics that have history and no live value; a click opens the chart. */
export function RecordedList({ topics, title }: Props): ReactNode {
  if (topics.length === 0) return null;
  return (
    <section className="recorded" data-testid="recorded">
      <h2>{title}</h2>
      <ul>
        {topics.map((topic) => (
          <li key={topic}>
            <button type="button" className="link mono" onClick={() => go({ topic, fields: [], publish: false })}>
              {topic}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
