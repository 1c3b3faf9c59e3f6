import { describe, expect, it } from 'vitest';
import {
  EMPTY_PROPERTIES,
  encodePacket,
  newFrame,
  newPublishView,
  PacketType,
  Reason,
  readFrame,
  readPublish,
} from '../codec/index.ts';
import { InflightState, Session, type SessionSink } from './index.ts';

/** Writes down what a session asks for. */
function recordingSink(reason = 0): SessionSink<string> & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    route: (bytes, view) => {
      asked.push(`route ${bytes.subarray(view.payloadStart, view.payloadEnd)}`);
      return reason;
    },
    repeated: (bytes, view) => void asked.push(`again ${bytes.subarray(view.payloadStart, view.payloadEnd)}`),
    acknowledge: (type, id, code) => void asked.push(`ack ${type} ${id} ${code}`),
    delivered: (entry) => void asked.push(`delivered ${entry}`),
    received: (id) => void asked.push(`received ${id}`),
    released: (id) => void asked.push(`released ${id}`),
    releasing: (id) => void asked.push(`releasing ${id}`),
    completed: (id) => void asked.push(`completed ${id}`),
    windowOpened: () => void asked.push('window'),
    fault: (code) => void asked.push(`fault ${code}`),
  };
}

function publish(
  session: Session<string>,
  sink: SessionSink<string>,
  payload: string,
  qos: 0 | 1 | 2,
  packetId: number,
): void {
  const rest = { topic: 't', retain: false, dup: false, properties: EMPTY_PROPERTIES };
  const bytes = encodePacket({ type: 'publish', payload: Buffer.from(payload), qos, packetId, ...rest }, 4);
  const frame = newFrame();
  const view = newPublishView();
  readFrame(bytes, 0, bytes.length, frame);
  readPublish(bytes, frame.firstByte, frame.bodyStart, frame.bodyEnd, 4, view);
  session.publish(bytes, view, sink);
}

describe('the door for PUBLISH', () => {
  it('routes, and acknowledges as the QoS asks', () => {
    const session = new Session<string>('c', 4);
    const sink = recordingSink();
    publish(session, sink, 'a', 0, -1);
    publish(session, sink, 'b', 1, 5);
    publish(session, sink, 'c', 2, 6);
    publish(session, sink, 'c', 2, 6);
    expect(sink.asked).toEqual([
      'route a',
      'route b',
      'ack 4 5 0',
      'route c',
      'received 6',
      'ack 5 6 0',
      'again c',
      'ack 5 6 0',
    ]);
    expect(session.receivedCount).toBe(1);
    session.acknowledged(PacketType.PUBREL, 6, 0, sink);
    session.acknowledged(PacketType.PUBREL, 6, 0, sink);
    expect(sink.asked.slice(-3)).toEqual(['released 6', 'ack 7 6 0', `ack 7 6 ${Reason.packetIdentifierNotFound}`]);
    expect(session.receivedCount).toBe(0);
  });

  it('forgets a QoS 2 message that was refused, and says nothing where the connection was closed', () => {
    const session = new Session<string>('c', 5);
    publish(session, recordingSink(Reason.notAuthorized), 'a', 2, 6);
    expect(session.receivedCount).toBe(0);
    const closed = recordingSink(-1);
    publish(session, closed, 'a', 1, 7);
    expect(closed.asked).toEqual(['route a']);
  });

  it('takes packet identifier 0 of an old client whose counter ran over', () => {
    const sink = recordingSink();
    publish(new Session<string>('c', 4), sink, 'a', 1, 0);
    expect(sink.asked).toEqual(['route a', 'ack 4 0 0']);
  });
});

describe('the door for acknowledgements', () => {
  it('ends a QoS 1 message at its PUBACK, once', () => {
    const session = new Session<string>('c', 4);
    const sink = recordingSink();
    const id = session.inflight.begin(InflightState.awaitsPuback, 'm');
    session.acknowledged(PacketType.PUBACK, id, 0, sink);
    session.acknowledged(PacketType.PUBACK, id, 0, sink);
    expect(sink.asked).toEqual(['delivered m', 'window']);
  });

  it('takes a QoS 2 message through its states; a refused one ends at PUBREC', () => {
    const session = new Session<string>('c', 5);
    const sink = recordingSink();
    const id = session.inflight.begin(InflightState.awaitsPubrec, 'm');
    session.acknowledged(PacketType.PUBREC, id, 0, sink);
    session.acknowledged(PacketType.PUBREC, id, 0, sink);
    session.acknowledged(PacketType.PUBCOMP, id, 0, sink);
    expect(sink.asked).toEqual([
      `releasing ${id}`,
      'delivered m',
      `ack 6 ${id} 0`,
      `ack 6 ${id} 0`,
      `completed ${id}`,
      'delivered null',
      'window',
    ]);
    const refused = session.inflight.begin(InflightState.awaitsPubrec, 'n');
    session.acknowledged(PacketType.PUBREC, refused, Reason.quotaExceeded, sink);
    expect(session.inflight.count).toBe(0);
  });

  it('releases nothing that was refused, also what it does not know or has released before [MQTT-4.3.3-4]', () => {
    const session = new Session<string>('c', 5);
    const sink = recordingSink();
    session.acknowledged(PacketType.PUBREC, 9, Reason.quotaExceeded, sink);
    expect(sink.asked).toEqual([]);
    const id = session.inflight.begin(InflightState.awaitsPubrec, 'm');
    session.acknowledged(PacketType.PUBREC, id, 0, sink);
    session.acknowledged(PacketType.PUBREC, id, Reason.quotaExceeded, sink);
    expect(sink.asked).toEqual([
      `releasing ${id}`,
      'delivered m',
      `ack 6 ${id} 0`,
      `completed ${id}`,
      'delivered null',
      'window',
    ]);
    expect(session.inflight.count).toBe(0);
  });

  it('lets an exchange end that it does not know, and faults one out of its turn', () => {
    const session = new Session<string>('c', 5);
    const sink = recordingSink();
    session.acknowledged(PacketType.PUBREC, 9, 0, sink);
    session.acknowledged(PacketType.PUBCOMP, 9, 0, sink);
    expect(sink.asked).toEqual([`ack 6 9 ${Reason.packetIdentifierNotFound}`]);
    const id = session.inflight.begin(InflightState.awaitsPuback, 'm');
    session.acknowledged(PacketType.PUBREC, id, 0, sink);
    session.acknowledged(PacketType.PUBCOMP, id, 0, sink);
    expect(sink.asked.slice(-2)).toEqual([`fault ${Reason.protocolError}`, `fault ${Reason.protocolError}`]);
  });
});

describe('the door for rare packets', () => {
  const session = new Session<string>('c', 5);

  it('answers PINGREQ and hands on what the broker does', () => {
    expect(session.receive({ type: 'pingreq' })).toEqual({ do: 'send', packet: { type: 'pingresp' } });
    const unsubscribe = { type: 'unsubscribe', packetId: 1, filters: ['a'], properties: EMPTY_PROPERTIES } as const;
    expect(session.receive(unsubscribe)).toEqual({ do: 'unsubscribe', packet: unsubscribe });
  });

  it('tells a good-bye with the will from one without', () => {
    const bye = (reason: number) => session.receive({ type: 'disconnect', reason, properties: EMPTY_PROPERTIES });
    expect(bye(0)).toMatchObject({ do: 'disconnect', publishWill: false, expiryS: null });
    expect(bye(4)).toMatchObject({ do: 'disconnect', publishWill: true });
  });

  it.each([
    ['the reason that its session was taken over', 0x8e, {}],
    ['the reason that it was silent', 0x8d, {}],
    ['a reference to another server', 0, { serverReference: 'other.example' }],
    ['another server to use', 0x9c, { serverReference: 'other.example' }],
  ])('faults a DISCONNECT with %s, which only a server may send [MQTT-3.14.2-1]', (_, reason, properties) => {
    expect(session.receive({ type: 'disconnect', reason, properties })).toMatchObject({
      do: 'fault',
      reason: Reason.protocolError,
      text: expect.stringMatching(/^DISCONNECT from a client with/),
    });
  });

  it('faults what a client may not send', () => {
    expect(session.receive({ type: 'pingresp' }).do).toBe('fault');
  });

  it('leaves AUTH to the broker, which knows whether CONNECT gave a method', () => {
    const packet = { type: 'auth', reason: 0x19, properties: { authenticationMethod: 'x' } } as const;
    expect(session.receive(packet)).toEqual({ do: 'auth', packet });
  });
});
