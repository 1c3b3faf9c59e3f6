import type { Run } from './run-state.ts';

/** One publisher's messages, numbered from 0 on; what is known of each. */
export type Stream = {
  readonly name: string;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  /** It sends what is not acknowledged again, until it is. */
  readonly resends: boolean;
  readonly sent: () => number;
  readonly send: () => number;
  /** The server took it over: PUBACK, PUBREC, or (QoS 0) the UNSUBACK to an UNSUBSCRIBE behind it. */
  readonly acknowledge: (number: number, connectedMs?: number) => void;
  readonly acknowledged: () => number;
  readonly lastAcknowledged: () => number;
  readonly isAcknowledged: (number: number) => boolean;
  /** Milliseconds of `performance.now()` at the acknowledgement. */
  readonly acknowledgedAtMs: (number: number) => number;
  /** The same of the connection on which it came: it is of the Sonde that ended next, however late it was read. */
  readonly connectedAtMs: (number: number) => number;
  readonly sendAgain: (number: number) => void;
  /** How often a QoS 1 PUBLISH was sent once more. */
  readonly sentAgain: (number: number) => number;
  readonly resendsInAll: () => number;
  /** One line of where a message was, for the lines of faults. */
  readonly story: (number: number) => string;
};

export function createStream(
  run: Run,
  spec: { readonly name: string; readonly topic: string; readonly qos: 0 | 1 | 2; readonly resends: boolean },
): Stream {
  const sentIn: number[] = [];
  const ackedIn: number[] = [];
  const ackedAtMs: number[] = [];
  const connectedAtMs: number[] = [];
  const again = new Map<number, number>();
  let acknowledged = 0;
  let last = -1;
  let resends = 0;
  return {
    ...spec,
    sent: () => sentIn.length,
    send: () => sentIn.push(run.cycle()) - 1,
    acknowledge(number, connectedMs = performance.now()) {
      if (ackedIn[number] !== undefined) return;
      connectedAtMs[number] = connectedMs;
      ackedIn[number] = run.cycle();
      ackedAtMs[number] = performance.now();
      acknowledged += 1;
      last = Math.max(last, number);
    },
    acknowledged: () => acknowledged,
    lastAcknowledged: () => last,
    isAcknowledged: (number) => ackedIn[number] !== undefined,
    acknowledgedAtMs: (number) => ackedAtMs[number] ?? Number.POSITIVE_INFINITY,
    connectedAtMs: (number) => connectedAtMs[number] ?? Number.POSITIVE_INFINITY,
    sendAgain(number) {
      resends += 1;
      again.set(number, (again.get(number) ?? 0) + 1);
    },
    sentAgain: (number) => again.get(number) ?? 0,
    resendsInAll: () => resends,
    story: (number) =>
      `${spec.name} #${number}, sent in cycle ${sentIn[number]}, acknowledged in ${ackedIn[number] ?? 'none'}, sent again ${again.get(number) ?? 0} times`,
  };
}

/** What one receiver (a subscriber, or a group together) got of each stream. */
export type Receipts = {
  readonly name: string;
  /** QoS of its subscription. */
  readonly qos: 1 | 2;
  readonly got: (stream: Stream, number: number) => void;
  readonly count: (stream: Stream, number: number) => number;
  readonly inAll: () => number;
};

/**
 * `ordered`: first occurrences of each stream have to come in order [MQTT-4.6.0-6]; members of a group share their receipts, and
 * together they have no order.
 */
export function createReceipts(run: Run, name: string, qos: 1 | 2, ordered: boolean): Receipts {
  const counts = new Map<Stream, { readonly times: number[]; highest: number }>();
  let total = 0;
  return {
    name,
    qos,
    got(stream, number) {
      total += 1;
      const of = counts.get(stream) ?? { times: [], highest: -1 };
      counts.set(stream, of);
      const times = (of.times[number] ?? 0) + 1;
      of.times[number] = times;
      if (times > 1) {
        // What was published with QoS 1 comes with QoS 1, whatever was subscribed: it may come twice.
        if (qos === 2 && stream.qos === 2)
          run.fault('QoS 2 duplicates', `${name} got ${stream.story(number)}: ${times} times`);
        return;
      }
      if (ordered && number < of.highest) {
        run.fault('order faults', `${name} got ${stream.story(number)} after #${of.highest}`);
      }
      if (ordered && number > of.highest + 1) {
        run.trace(name, `gap before ${stream.name} #${number}: the highest was #${of.highest}`);
      }
      of.highest = Math.max(of.highest, number);
    },
    count: (stream, number) => counts.get(stream)?.times[number] ?? 0,
    inAll: () => total,
  };
}
