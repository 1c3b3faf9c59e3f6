import type { PublishView } from '../codec/index.ts';

/** What a session asks of the world around it, on the hot door. `E` is an entry of its queue. */
export type SessionSink<E> = {
  /**
   * Routes a PUBLISH that the protocol allows. Returns the reason for its acknowledgement (MQTT 5 codes), or -1 when nothing
   * is to be acknowledged: it will be read again.
   */
  readonly route: (bytes: Buffer, publish: PublishView) => number;
  /** A QoS 2 PUBLISH that was routed before came again: it is checked and sets its topic alias as any other. */
  readonly repeated: (bytes: Buffer, publish: PublishView) => void;
  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP (a PacketType) as soon as what it depends on is durable, in order. */
  readonly acknowledge: (packetType: number, packetId: number, reason: number) => void;
  /** The receiver has the message; its entry may leave the queue. Null for what was never queued. */
  readonly delivered: (entry: E | null) => void;
  /** An incoming QoS 2 message is known by its identifier from now on, until `released` [MQTT-4.3.3-10]. */
  readonly received: (packetId: number) => void;
  readonly released: (packetId: number) => void;
  /** The PUBREL of an outgoing QoS 2 message is owed from now on, until `completed` [MQTT-4.3.3-3]. */
  readonly releasing: (packetId: number) => void;
  readonly completed: (packetId: number) => void;
  /** There is room in flight again. */
  readonly windowOpened: () => void;
  /** The peer broke the protocol: close the connection with this reason. */
  readonly fault: (reason: number, text: string) => void;
};
