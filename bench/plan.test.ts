import { expect, test } from 'vitest';
import { LOADS, pickLoads } from './loads.ts';
import { expectedDeliveries, planLoad } from './plan.ts';
import { MIN_PAYLOAD } from './wire/payload.ts';

const load = (name: string) => LOADS.find((one) => one.name === name)!;

test('every load is placed whole, whatever the number of processes', () => {
  for (const one of LOADS) {
    for (const workers of [1, 2, 3]) {
      const plans = planLoad(one, workers);
      const publishers = plans.flatMap((plan) => plan.publishers.map((item) => item.id)).sort((a, b) => a - b);
      const subscribers = plans.flatMap((plan) => plan.subscribers.map((item) => item.id)).sort((a, b) => a - b);
      expect(publishers).toEqual(Array.from({ length: one.publishers }, (_, i) => i));
      expect(subscribers).toEqual(Array.from({ length: one.subscribers }, (_, i) => i));
    }
  }
});

test('a pair lives in one process; roles live apart', () => {
  for (const plan of planLoad(load('pairs-50-q0-w1'), 2)) {
    expect(plan.publishers.map((one) => one.id)).toEqual(plan.subscribers.map((one) => one.id));
    for (const one of plan.publishers) expect(one.receiverWorkers).toEqual([plan.worker]);
  }
  const [first, second] = planLoad(load('fan-out-q0'), 2);
  expect([first!.publishers.length, first!.subscribers.length]).toEqual([1, 0]);
  expect([second!.publishers.length, second!.subscribers.length]).toEqual([0, 200]);
  expect(first!.publishers[0]).toMatchObject({ receiverWorkers: [1], receivers: 200 });
});

test('expected deliveries count each receiver of each message', () => {
  expect(expectedDeliveries(load('fan-out-q0'), new Map([[0, 10]]))).toBe(2000);
  expect(
    expectedDeliveries(
      load('fan-in-q0'),
      new Map([
        [0, 10],
        [1, 5],
      ]),
    ),
  ).toBe(15);
});

test('names are unique, sizes possible, and an unknown name is an error that lists the known', () => {
  expect(new Set(LOADS.map((one) => one.name)).size).toBe(LOADS.length);
  for (const one of LOADS) expect(one.payloadBytes).toBeGreaterThanOrEqual(MIN_PAYLOAD);
  expect(pickLoads(['fan-in-q1']).map((one) => one.name)).toEqual(['fan-in-q1']);
  expect(() => pickLoads(['nonsense'])).toThrow(/no such load: nonsense; there are fan-in-q0/);
});
