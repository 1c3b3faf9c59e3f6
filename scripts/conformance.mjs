// npm run conformance [-- --check]: writes the tables of docs/conformance.md from the lists of statements and the names of the
// tests. With --check it writes nothing and fails when the page is not what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tablesOf } from './conformance/tables.mjs';
import { root } from './workshop/paths.mjs';

const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
const page = join(root, 'docs', 'conformance.md');
const BEGIN = '<!-- made by npm run conformance, from here -->\n';
const END = '<!-- to here -->\n';

const before = readFileSync(page, 'utf8');
const [from, to] = [before.indexOf(BEGIN), before.indexOf(END)];
if (from < 0 || to < from) throw new Error(`docs/conformance.md has lost its marks ${BEGIN.trim()} and ${END.trim()}`);

const { text, sums, faults } = tablesOf();
const after = `${before.slice(0, from + BEGIN.length)}\n${text}\n${before.slice(to)}`;
for (const sum of sums) console.log(sum);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else if (!values.check) writeFileSync(page, after);
else if (after !== before) {
  console.error('docs/conformance.md is not of the present tests: run `npm run conformance` and commit what it wrote.');
  process.exitCode = 1;
}
