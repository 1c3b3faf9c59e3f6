import { Gauge, type Registry } from 'prom-client';
import { type TurnMeter, WORK } from '../base/index.ts';
import { addHistogram } from './metrics-histogram.ts';

const CPU = 'CPU time of its own thread';
const WALL = 'time on the clock, since this system does not tell the CPU time of a thread';

/** What the turns of the event loop cost, and the longest of them. */
export function addTurns(register: Registry, turns: TurnMeter): void {
  const what = turns.isCpu ? CPU : WALL;
  addHistogram(register, 'sonde_turn_seconds', `What one turn of the event loop used: ${what}.`, turns.histogram);
  new Gauge({
    name: 'sonde_longest_turn_seconds',
    help: `The longest turn since start, for each kind of work that was the greater part of one above 5 ms, else 0: ${what}.`,
    labelNames: ['work'],
    registers: [register],
    collect() {
      for (const work of WORK) this.set({ work }, turns.longest.get(work) ?? 0);
    },
  });
}
