/** What MQTT 5.0 leaves to the server to say or to check; off by default. */
export type Mqtt5Settings = {
  /**
   * Told to a client that asks for it (Response Information, 3.2.2.3.15) as the basis of its response topics. `%c` stands
   * for the client id and `%u` for the user name, as in topic rules; where one cannot be put in, nothing is told.
   */
  readonly responseInformation: string | null;
  /** Another server, in the form `host:port` (Server Reference, 4.11). */
  readonly serverReference: string | null;
  /** Told when this one stops (0x9C), or now to each CONNECT, which is refused: for a while (0x9C), or for good (0x9D). */
  readonly serverReferenceWhen: 'shutdown' | 'now' | 'moved';
  /** `check`: a payload that is not the UTF-8 that its format indicator says it is, is refused (0x99). */
  readonly payloadFormat: 'pass' | 'check';
};

export const DEFAULT_MQTT5: Mqtt5Settings = {
  responseInformation: null,
  serverReference: null,
  serverReferenceWhen: 'shutdown',
  payloadFormat: 'pass',
};
