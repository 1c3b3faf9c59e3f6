// `npm run bench`: builds the load generator (and Sonde, where it is not built yet), then runs it in this process, so that
// Ctrl-C reaches the one place that stops every broker and worker.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function tscEntry() {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
  const bin = JSON.parse(readFileSync(manifest, 'utf8')).bin;
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin.tsc);
}

function peersAsked() {
  const at = process.argv.indexOf('--peers');
  return at < 0 ? '' : (process.argv[at + 1] ?? '');
}

function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(root, 'node_modules', 'typescript'))) {
  console.error('bench: run `npm install` first');
  process.exit(1);
}
run([tscEntry(), '-p', 'tsconfig.bench.json']);
// A run without Sonde, or of one that was built elsewhere, needs no build of this one.
const elsewhere = process.argv.some((word) => word === '--help' || word === '--sonde');
const wantsSonde = !elsewhere && !/^mosquitto(-nodelay)?(,mosquitto(-nodelay)?)?$/.test(peersAsked());
if (wantsSonde && !existsSync(join(root, 'dist', 'main.js'))) {
  console.error('bench: Sonde is not built yet, building it');
  run([join(root, 'scripts', 'build.mjs')]);
}
const { main } = await import(pathToFileURL(join(root, '.cache', 'bench', 'main.js')).href);
process.exitCode = await main(process.argv.slice(2), root);
