import { basename } from 'node:path';
import { readStatements, VERSIONS } from './statements.mjs';
import { numberedTests } from './tests.mjs';

/** @typedef {import('./statements.mjs').Statement} Statement */
/** @typedef {import('./tests.mjs').NumberedTest} NumberedTest */

/** How many tests a row names; the rest is counted. */
const NAMED = 2;

/**
 * The sums and a table a version, as Markdown.
 * @returns {{ text: string, sums: readonly string[], faults: readonly string[] }} `faults`: numbers that no statement has
 */
export function tablesOf() {
  const tests = numberedTests();
  /** @type {Map<string, NumberedTest[]>} */
  const byNumber = new Map();
  for (const test of tests) {
    for (const number of test.numbers) byNumber.set(number, [...(byNumber.get(number) ?? []), test]);
  }
  const known = new Set();
  const sums = [];
  const sumRows = [];
  const tables = [];
  for (const { version, tag, file } of VERSIONS) {
    const counts = { shown: 0, client: 0, apart: 0, open: 0 };
    const rows = readStatements(file).map((statement) => {
      const name = `${tag}-${statement.number}`;
      known.add(name);
      const shows = byNumber.get(name) ?? [];
      counts[kindOf(statement, shows)] += 1;
      return `| ${statement.number} | ${statement.demand} | ${answer(statement, shows)} |`;
    });
    const { shown, client, apart, open } = counts;
    sumRows.push(`| ${version} | ${rows.length} | ${shown} | ${client} | ${apart} | ${open} |`);
    sums.push(`MQTT ${version}: ${shown} of ${rows.length} shown by tests, ${open} open`);
    tables.push(
      `### MQTT ${version}\n\n| number | what it demands | shown by |\n| --- | --- | --- |\n${rows.join('\n')}\n`,
    );
  }
  const head =
    '| version | statements | shown by tests | a client’s duty | does not apply | open |\n| --- | ---: | ---: | ---: | ---: | ---: |';
  const faults = tests.flatMap((test) =>
    test.numbers
      .filter((number) => !known.has(number))
      .map((number) => `${test.file}:${test.line}: no statement is numbered ${number} (3.1.1 is written MQTT3-…)`),
  );
  return { text: `${head}\n${sumRows.join('\n')}\n\n${tables.join('\n')}`, sums, faults };
}

/**
 * @param {Statement} statement
 * @param {readonly NumberedTest[]} shows
 * @returns {'shown' | 'client' | 'apart' | 'open'}
 */
function kindOf(statement, shows) {
  if (shows.length > 0) return 'shown';
  if (statement.reason !== '') return 'apart';
  return statement.duty === 'client' ? 'client' : 'open';
}

/** @param {Statement} statement @param {readonly NumberedTest[]} shows */
function answer(statement, shows) {
  const kind = kindOf(statement, shows);
  if (kind === 'apart') return `does not apply: ${statement.reason}`;
  if (kind === 'client') return 'a client’s duty';
  if (kind === 'open') return '**open**: no test yet';
  const named = shows.slice(0, NAMED).map(({ file, title }) => {
    const text = title.replaceAll('|', '\\|').replaceAll('<', '&lt;');
    return `[${basename(file, '.test.ts')}](../${file}): ${text}`;
  });
  const more = shows.length - named.length;
  return `${named.join('<br>')}${more > 0 ? `<br>and ${more} more` : ''}`;
}
