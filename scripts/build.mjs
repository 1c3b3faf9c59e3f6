// npm run build: dist/ from the sources, all of it.
import { build } from './workshop/build.mjs';
import { dependenciesAreCurrent, installDependencies } from './workshop/install.mjs';
import { root } from './workshop/paths.mjs';
import { requireRuntime } from './workshop/runtime.mjs';

requireRuntime();
const installed = dependenciesAreCurrent(root) || (await installDependencies(root));
process.exitCode = installed && (await build(['server', 'web'])) ? 0 : 1;
