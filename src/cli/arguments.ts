import { InvalidArgumentError } from 'commander';
import { SCRAM_MECHANISMS, type ScramMechanism } from '../access/index.ts';

/** For options that may be given more than once. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** A whole number from `min` to `max`, as an option's parser. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Seconds as people write them (`0.5`, `10`), as milliseconds. */
export function secondsAsMs(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 1_000_000) return Math.max(1, Math.round(value * 1000));
  throw new InvalidArgumentError('It must be a number of seconds greater than 0.');
}

/** 0, 1 or 2. */
export function qos(text: string): 0 | 1 | 2 {
  if (text === '0') return 0;
  if (text === '1') return 1;
  if (text === '2') return 2;
  throw new InvalidArgumentError('It must be 0, 1 or 2.');
}

/** MQTT's protocol level, from the names that mosquitto's clients take. */
export function protocolVersion(text: string): 3 | 4 | 5 {
  const level = LEVELS.get(text.toLowerCase());
  if (level !== undefined) return level;
  throw new InvalidArgumentError('It must be 31, 311 or 5.');
}

/** A mechanism of SCRAM by its name, with or without `SCRAM-`. */
export function mechanism(text: string): ScramMechanism {
  const wanted = text.toUpperCase();
  const found = SCRAM_MECHANISMS.find(({ name }) => name === wanted || name === `SCRAM-${wanted}`);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be ${SCRAM_MECHANISMS.map(({ name }) => name).join(' or ')}.`);
}

const LEVELS = new Map<string, 3 | 4 | 5>([
  ['31', 3],
  ['3.1', 3],
  ['mqttv31', 3],
  ['311', 4],
  ['3.1.1', 4],
  ['mqttv311', 4],
  ['5', 5],
  ['5.0', 5],
  ['mqttv5', 5],
]);
