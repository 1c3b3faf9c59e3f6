/** What one listener may say for itself; what is left out is as for the whole server. */
export type ListenerRules = {
  readonly anonymous?: 'none' | 'local' | 'all';
  /** Connections that it holds at once. */
  readonly maxConnections?: number;
  /** Largest MQTT packet that it takes. */
  readonly maxPacketBytes?: number;
  /** Largest MQTT packet that it sends: a larger message is left out for its clients. */
  readonly maxSentPacketBytes?: number;
  /** The PROXY protocol comes before everything else; a list: only from these addresses and networks. */
  readonly proxy?: true | readonly string[];
};
