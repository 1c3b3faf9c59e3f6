import type { QueueTarget } from '../store/index.ts';

/** The durable queue that QoS 1 and 2 messages are recorded through. */
export type RecorderTarget = QueueTarget;

/** What QoS 0 messages are recorded through: a bounded buffer that copies what it is given. */
export type Qos0Recorder = {
  /**
   * Takes one message. `topicKey` is one object per topic for as long as the topic cache holds it, so that the topic's text
   * need not be looked at each time. False: there was no room, and the message was not taken.
   */
  readonly offer: (
    topicKey: object,
    world: number,
    topic: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    arrivedUs: number,
  ) => boolean;
  /** It is filling up: publishers are to be read more slowly. */
  readonly crowded: () => boolean;
  /** So much that also those who publish little are. */
  readonly nearlyFull: () => boolean;
  /** Called each time there is plenty of room again. */
  readonly onRoom: (listener: () => void) => void;
};
