import type { ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import type { Scheme } from '../model/colour.ts';
import { seriesColour } from '../model/colour.ts';
import { sparkLine } from '../model/spark.ts';
import type { TopicMemory } from '../state/topic-memory.ts';

const WIDTH = 96;
const HEIGHT = 22;
const PAD = 3;

type Props = { readonly topic: string; readonly memory: TopicMemory; readonly scheme: Scheme };

/** The last minute or so of one field as a line; its colour is that of the field's chart. */
export function SparkLine({ topic, memory, scheme }: Props): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { spark, sparkField, changes } = memory;
  const colour = seriesColour(topic, sparkField ?? '', scheme);

  // The samples are written in place: their number and the count of changes tell of it.
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context) return;
    const scale = window.devicePixelRatio || 1;
    element.width = Math.round(WIDTH * scale);
    element.height = Math.round(HEIGHT * scale);
    context.scale(scale, scale);
    draw(context, sparkLine(spark, WIDTH, HEIGHT, PAD), colour);
  }, [spark, spark.length, changes, colour]);

  return <canvas ref={canvas} className="spark" style={{ width: WIDTH, height: HEIGHT }} />;
}

function draw(context: CanvasRenderingContext2D, line: Float64Array, colour: string): void {
  const last = line.length - 2;
  if (last < 0) return;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = 1.3;
  context.lineJoin = 'round';
  context.beginPath();
  for (let i = 0; i <= last; i += 2) context.lineTo(line[i]!, line[i + 1]!);
  context.globalAlpha = 0.85;
  context.stroke();
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(line[last]!, line[last + 1]!, 1.9, 0, 2 * Math.PI);
  context.fill();
}
