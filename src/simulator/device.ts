/** A message as a simulated device publishes it. */
export type DeviceMessage = {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
};

/**
 * What a device says, without network, clock or chance: the same seed and times give the same bytes. `wallMs` is
 * milliseconds since 1970 UTC, `uptimeMs` milliseconds since the device was switched on.
 */
export type DeviceModel = {
  readonly name: string;
  readonly clientId: string;
  /** Said in a connection of its own, which the device closes before it opens the lasting one. */
  readonly announcement: (wallMs: number) => readonly DeviceMessage[];
  /** Said when the lasting connection stands for the first time. */
  readonly greeting: readonly DeviceMessage[];
  readonly sample: (uptimeMs: number) => readonly DeviceMessage[];
  /** Said before it is switched off. */
  readonly farewell: readonly DeviceMessage[];
  /** The will of its second and later connections, as these devices have it, or null. */
  readonly will: DeviceMessage | null;
  /** Whether it asks for a clean session when it comes back. */
  readonly cleanOnReconnect: boolean;
  /** Whether it samples on while it has no connection, and sends all of it later. */
  readonly keepsSamples: boolean;
};

/** A kind of device that can be simulated. */
export type DeviceKind = {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** Two devices with the same seed are the same device, with the same client id. */
  readonly create: (seed: number) => DeviceModel;
};
