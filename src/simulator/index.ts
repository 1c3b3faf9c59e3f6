import type { DeviceKind } from './device.ts';
import { esp8266Ds18b20 } from './devices/esp8266-ds18b20.ts';
import { mqttEsp } from './devices/mqtt-esp.ts';

export type { DeviceKind, DeviceMessage, DeviceModel } from './device.ts';
export { type Link, type LinkRequest, type LinkTarget, mqttLinks, type OpenLink } from './link.ts';
export { type DeviceEvent, type RunOptions, type RunSummary, runDevice } from './run-device.ts';
export { type DeviceTime, systemTime } from './time.ts';

/** Every device that can be simulated, by name. */
export const DEVICES: ReadonlyMap<string, DeviceKind> = new Map(
  [esp8266Ds18b20, mqttEsp].map((kind) => [kind.name, kind]),
);
