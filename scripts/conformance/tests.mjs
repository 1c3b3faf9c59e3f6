import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { root } from '../workshop/paths.mjs';

/** @typedef {{ file: string, line: number, title: string, numbers: readonly string[] }} NumberedTest numbers with their tag */

/**
 * Every name of a test that carries numbers, as in `[MQTT-3.3.1-9..11, MQTT3-3.8.4-3]`, in the order of files and lines. A row of
 * a table of tests counts as a name; comments do not.
 * @returns {readonly NumberedTest[]}
 */
export function numberedTests() {
  const files = ['src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => [folder, ...file.split(sep)].join('/')),
  );
  return files.sort().flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    return lines.flatMap((text, index) => namesOf(text).map((name) => ({ file, line: index + 1, ...name })));
  });
}

/**
 * The numbered names in one line.
 * @param {string} line
 * @returns {{ title: string, numbers: readonly string[] }[]}
 */
export function namesOf(line) {
  return stringsOf(line).flatMap((text) => {
    const tags = [...text.matchAll(TAG)];
    if (tags.length === 0) return [];
    const title = text
      .replace(TAG, '')
      .replace(/\s+/g, ' ')
      .replace(/ ([,;:.])/g, '$1')
      .trim();
    return [{ title, numbers: tags.flatMap((tag) => expand(tag[1] ?? '')) }];
  });
}

const TAG = /\[(MQTT3?-\d[^\]]*)\]/g;

/**
 * `MQTT-3.3.1-9..11, 13, MQTT3-3.8.4-3`: a number alone is of the section before it, two dots are all between.
 * @param {string} list
 * @returns {string[]}
 */
function expand(list) {
  let section = '';
  return list.split(',').flatMap((part) => {
    const match = /^\s*(?:(MQTT3?-\d+\.\d+\.\d+)-)?(\d+)(?:\.\.(\d+))?\s*$/.exec(part);
    section = match?.[1] ?? section;
    if (match === null || section === '') throw new Error(`cannot read the numbers [${list}]`);
    const [from, to] = [Number(match[2]), Number(match[3] ?? match[2])];
    return Array.from({ length: to - from + 1 }, (_, n) => `${section}-${from + n}`);
  });
}

/** What stands in quotes in a line, up to a comment. @param {string} line @returns {string[]} */
function stringsOf(line) {
  const found = [];
  for (let at = 0; at < line.length; at++) {
    const quote = line[at] ?? '';
    if (line.startsWith('//', at)) break;
    if (quote === '*' && line.slice(0, at).trim() === '') break;
    if (!`'"\``.includes(quote)) continue;
    let end = at + 1;
    while (end < line.length && line[end] !== quote) end += line[end] === '\\' ? 2 : 1;
    found.push(line.slice(at + 1, end));
    at = end;
  }
  return found;
}
