// npm start [-- ARGUMENTS]: makes the program if it is not there or not of the present sources, then becomes it.
import { pathToFileURL } from 'node:url';
import { build, staleParts } from './workshop/build.mjs';
import { dependenciesAreCurrent, installDependencies } from './workshop/install.mjs';
import { entry, root } from './workshop/paths.mjs';
import { requireRuntime } from './workshop/runtime.mjs';

requireRuntime();
if (!dependenciesAreCurrent(root)) {
  console.log('Installing dependencies (only when they have changed) ...');
  if (!(await installDependencies(root))) process.exit(1);
}
const stale = staleParts();
if (stale.length > 0) {
  console.log(`Building ${stale.join(' and ')} (only when the sources have changed) ...`);
  if (!(await build(stale))) process.exit(1);
}

// Who ends npm ends the shell that npm started us with, and that passes nothing on (dash): follow it.
const parent = process.ppid;
if (process.env.npm_lifecycle_event && process.platform !== 'win32') {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}

// In this process and not in a child: one process less, and Ctrl-C and SIGTERM reach Sonde once.
process.argv.splice(1, 1, entry);
await import(pathToFileURL(entry).href);
