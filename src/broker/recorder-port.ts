import type { QueueTarget } from '../store/index.ts';

/** The durable queue that QoS 1 and 2 messages are recorded through. */
export type RecorderTarget = QueueTarget;

/** What QoS 0 messages are recorded through: a bounded buffer that copies what it is given. */
export type Qos0Recorder = {
  /** False: there was no room and the message was not taken. */
  readonly offer: (
    topicKey: object,
    world: number,
    topic: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    arrivedUs: number,
  ) => boolean;
  /** Publishers are to be read more slowly. */
  readonly crowded: () => boolean;
  readonly onRoom: (listener: () => void) => void;
};
