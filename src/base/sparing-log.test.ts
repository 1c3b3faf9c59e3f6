import { describe, expect, it } from 'vitest';
import { sparingLogger } from './sparing-log.ts';

function setUp() {
  const lines: string[] = [];
  const at = (level: string) => (fields: unknown, text: string) =>
    void lines.push(`${level} ${text} ${JSON.stringify(fields)}`);
  const waiting: (() => void)[] = [];
  const logger = sparingLogger(
    { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    { lines: 2, spanMs: 60_000, later: (work) => void waiting.push(work) },
  );
  const endSpan = (): void => {
    for (const work of waiting.splice(0)) work();
  };
  return { logger, lines, waiting, endSpan };
}

describe('a sparing log', () => {
  it('writes the first lines of a text, then says how many were left out, and begins again', () => {
    const { logger, lines, endSpan } = setUp();
    for (let n = 0; n < 5; n++) logger.info({ n }, 'TLS failed');
    expect(lines).toEqual(['info TLS failed {"n":0}', 'info TLS failed {"n":1}']);
    endSpan();
    expect(lines.slice(2)).toEqual(['info TLS failed (so many more lines were left out) {"leftOut":3,"seconds":60}']);
    logger.info({ n: 5 }, 'TLS failed');
    expect(lines.at(-1)).toBe('info TLS failed {"n":5}');
  });

  it('leaves out nothing of another text, and no debug line', () => {
    const { logger, lines } = setUp();
    for (let n = 0; n < 5; n++) logger.warn({}, 'the listener is full');
    logger.warn({}, 'its client certificate is not believed');
    for (let n = 0; n < 5; n++) logger.debug({}, 'lost');
    expect(lines).toHaveLength(2 + 1 + 5);
  });

  it('has nothing to say of a span in which nothing was left out', () => {
    const { logger, lines, waiting, endSpan } = setUp();
    logger.warn({}, 'once');
    endSpan();
    expect(lines).toEqual(['warn once {}']);
    expect(waiting).toEqual([]);
  });

  it('counts a bounded number of texts; the others are written', () => {
    const { logger, lines, waiting } = setUp();
    for (let n = 0; n < 300; n++) logger.warn({}, `text ${n}`);
    expect(waiting).toHaveLength(256);
    expect(lines).toHaveLength(300);
  });
});
