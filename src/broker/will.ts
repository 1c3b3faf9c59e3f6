/** The message that a client leaves for the case that it goes without a word; encoded as it will be published. */
export type Will = {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Encoded properties that go with the message, or null. */
  readonly properties: Buffer | null;
  /** Message Expiry Interval, seconds from the publishing of the will on (3.1.3.2.4); null: it does not expire. */
  readonly expiryS: number | null;
  /** Will Delay Interval (MQTT 5.0, 3.1.3.2.2). */
  readonly delayS: number;
};
