import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../workshop/paths.mjs';

/**
 * One normative statement of a version of MQTT.
 * @typedef {object} Statement
 * @property {string} number as the standard has it, without `MQTT-`
 * @property {'server' | 'client' | 'both'} duty whom it binds
 * @property {string} demand in our words
 * @property {string} reason why it does not apply to Sonde; empty where it does
 */

/**
 * The two lists, and how the name of a test points into them: the numbers of the two versions mean different things.
 * @type {readonly { version: string, tag: string, file: string }[]}
 */
export const VERSIONS = [
  { version: '5.0', tag: 'MQTT', file: 'mqtt-5.0.txt' },
  { version: '3.1.1', tag: 'MQTT3', file: 'mqtt-3.1.1.txt' },
];

/** @param {string} file @returns {readonly Statement[]} */
export function readStatements(file) {
  const text = readFileSync(join(root, 'test', 'conformance', 'statements', file), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [number = '', duty = '', demand = '', reason = ''] = line.split('|').map((part) => part.trim());
    if (!/^\d+\.\d+\.\d+-\d+$/.test(number) || demand === '') throw new Error(`${file}: not a statement: ${line}`);
    if (duty !== 'server' && duty !== 'client' && duty !== 'both')
      throw new Error(`${file}: whose duty is it? ${line}`);
    return { number, duty, demand, reason };
  });
}
