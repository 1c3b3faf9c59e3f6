import { describe, expect, it } from 'vitest';
import type { DeviceMessage } from './device.ts';
import { esp8266Ds18b20 } from './devices/esp8266-ds18b20.ts';
import { mqttEsp } from './devices/mqtt-esp.ts';
import type { Link, LinkRequest } from './link.ts';
import { type DeviceEvent, runDevice } from './run-device.ts';
import type { DeviceTime } from './time.ts';

/** Time that passes only while the device sleeps. */
function sleepingTime(onMs: (ms: number) => void = () => {}): DeviceTime & { now: () => number } {
  let now = 0;
  return {
    now: () => now,
    monotonicMs: () => now,
    wallMs: () => Date.UTC(2026, 0, 5) + now,
    sleep: async (ms, signal) => {
      if (!signal.aborted) now += Math.max(0, ms);
      onMs(now);
      await Promise.resolve();
    },
  };
}

type Wire = { request: LinkRequest; messages: DeviceMessage[]; ended: 'no' | 'end' | 'cut' };

/** A network that records; `fault` may throw for a message, which cuts the connection as a real one would. */
function network(fault: (message: DeviceMessage, wire: number) => 'ok' | 'not received' | 'ack lost' = () => 'ok') {
  const wires: Wire[] = [];
  const open = async (request: LinkRequest): Promise<Link> => {
    const wire: Wire = { request, messages: [], ended: 'no' };
    wires.push(wire);
    const at = wires.length - 1;
    let close = () => {};
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    return {
      closed,
      publish: async (message) => {
        const outcome = fault(message, at);
        if (outcome !== 'not received') wire.messages.push(message);
        if (outcome === 'ok') return;
        close();
        throw new Error('the connection was closed');
      },
      end: async () => {
        wire.ended = 'end';
        close();
      },
      cut: () => {
        if (wire.ended === 'no') wire.ended = 'cut';
        close();
      },
    };
  };
  return { wires, open };
}

const ids = (messages: readonly DeviceMessage[]) =>
  messages.flatMap(({ payload }) => (payload.startsWith('[') ? [(JSON.parse(payload) as [{ id: number }])[0].id] : []));

describe('a running device', () => {
  it('announces itself in a connection of its own, then sends marker, samples and marker in a lasting one', async () => {
    const { wires, open } = network();
    const time = sleepingTime();
    const summary = await runDevice(mqttEsp.create(1), {
      open,
      periodMs: 1000,
      count: 5,
      signal: new AbortController().signal,
      time,
    });
    expect(summary).toEqual({ samples: 5, connections: 2, pending: 0 });
    expect(wires.map(({ request, ended }) => ({ clean: request.clean, will: request.will, ended }))).toEqual([
      { clean: true, will: null, ended: 'end' },
      { clean: true, will: null, ended: 'end' },
    ]);
    expect(wires[0]?.messages.map(({ topic }) => topic)).toEqual(['esp001log']);
    const said = wires[1]?.messages ?? [];
    expect(said[0]?.payload).toBe('<Data_begin>');
    expect(ids(said)).toEqual([0, 1, 2, 3, 4]);
    expect(said.at(-1)?.payload).toBe('<Data_end>');
    expect(time.now()).toBeGreaterThanOrEqual(4000);
    expect(time.now()).toBeLessThan(5000 + 2000);
  });

  it('keeps samples until they are acknowledged: after a loss none is missing, and one twice only if its ack was lost', async () => {
    const { wires, open } = network((message, wire) => {
      if (wire === 1 && message.payload.startsWith('[{"id":3,')) return 'not received';
      if (wire === 2 && message.payload.startsWith('[{"id":6,')) return 'ack lost';
      return 'ok';
    });
    const events: DeviceEvent['kind'][] = [];
    const summary = await runDevice(mqttEsp.create(1), {
      open,
      periodMs: 1000,
      count: 10,
      signal: new AbortController().signal,
      time: sleepingTime(),
      onEvent: ({ kind }) => {
        if (kind !== 'published') events.push(kind);
      },
    });
    expect(summary).toMatchObject({ samples: 10, pending: 0, connections: 4 });
    expect(wires.slice(1).map(({ messages }) => ids(messages))).toEqual([
      [0, 1, 2],
      [3, 4, 5, 6],
      [6, 7, 8, 9],
    ]);
    // The firmware sets its will after the first connect, so that only later connections have it.
    expect(wires.map(({ request }) => request.will?.payload ?? null)).toEqual([
      null,
      null,
      '<Connect_lost>',
      '<Connect_lost>',
    ]);
    expect(events).toEqual(['connected', 'lost', 'connected', 'lost', 'connected']);
  });

  it('that blocks without a connection takes up where it was, with a session that it wants kept', async () => {
    const { wires, open } = network((message, wire) =>
      wire === 0 && message.topic === '/sensors/pression' ? 'not received' : 'ok',
    );
    const time = sleepingTime();
    await runDevice(esp8266Ds18b20.create(1), {
      open,
      periodMs: 500,
      count: 3,
      signal: new AbortController().signal,
      time,
    });
    expect(wires.map(({ request }) => request.clean)).toEqual([true, false]);
    expect(wires.map(({ messages }) => messages.map(({ topic }) => topic.slice(9)))).toEqual([
      ['temperature'],
      ['pression', 'humidite', 'temperature', 'pression', 'humidite', 'temperature', 'pression', 'humidite'],
    ]);
  });

  it('tries again for as long as nobody answers, and ends when it is switched off', async () => {
    const off = new AbortController();
    const time = sleepingTime((now) => {
      if (now >= 20_000) off.abort();
    });
    let tries = 0;
    const summary = await runDevice(esp8266Ds18b20.create(1), {
      open: async () => {
        tries += 1;
        throw new Error('connect ECONNREFUSED');
      },
      periodMs: 1000,
      count: null,
      signal: off.signal,
      time,
    });
    expect(tries).toBe(10);
    expect(summary).toEqual({ samples: 0, connections: 0, pending: 0 });
  });

  it('is cut off when the server does not let it say farewell', async () => {
    const off = new AbortController();
    const { wires, open } = network();
    const summary = await runDevice(mqttEsp.create(1), {
      open: async (request) => {
        const link = await open(request);
        const stuck = (message: DeviceMessage) => message.payload.startsWith('[{"id":2,');
        return {
          ...link,
          publish: async (message) => {
            if (!stuck(message)) return link.publish(message);
            off.abort();
            await link.closed;
            throw new Error('the connection was closed');
          },
        };
      },
      periodMs: 1000,
      count: null,
      signal: off.signal,
      time: sleepingTime(),
    });
    expect(wires.at(-1)?.ended).toBe('cut');
    expect(summary).toMatchObject({ samples: 2, pending: 1 });
  });
});
