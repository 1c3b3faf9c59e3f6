import type { RefObject } from 'react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';

/** The part of a long list that is on the screen. All rows are of one height, so that only figures are needed. */
export type VirtualRows = {
  readonly box: RefObject<HTMLDivElement | null>;
  readonly rowHeight: number;
  /** First and last but one index to draw. */
  readonly from: number;
  readonly to: number;
  readonly scrollTo: (index: number) => void;
};

const OVERSCAN = 6;
const ROW = 34;
/** Two lines a row where a line is too short for all columns; also a fingertip's height. */
const TALL_ROW = 58;
const NARROW_PX = 520;

export function useVirtualRows(count: number): VirtualRows {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [size, setSize] = useState({ width: 0, height: 600 });
  const rowHeight = size.width > 0 && size.width < NARROW_PX ? TALL_ROW : ROW;

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = (): void => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    let asked = 0;
    const onScroll = (): void => {
      if (asked !== 0) return;
      asked = requestAnimationFrame(() => {
        asked = 0;
        setTop(element.scrollTop);
      });
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      element.removeEventListener('scroll', onScroll);
      cancelAnimationFrame(asked);
    };
  }, []);

  const first = Math.floor(top / rowHeight);
  const shown = Math.ceil(size.height / rowHeight) + 1;
  return {
    box,
    rowHeight,
    from: Math.max(0, Math.min(first, count - shown) - OVERSCAN),
    to: Math.min(count, first + shown + OVERSCAN),
    scrollTo: (index) => {
      const element = box.current;
      if (element === null) return;
      const start = index * rowHeight;
      if (start < element.scrollTop) element.scrollTop = start;
      else if (start + rowHeight > element.scrollTop + element.clientHeight) {
        element.scrollTop = start + rowHeight - element.clientHeight;
      }
    },
  };
}
