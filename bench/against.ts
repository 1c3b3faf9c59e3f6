import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** An older Sonde, built in a folder of its own. */
export type OlderSonde = { readonly root: string; readonly commit: string };

/** Checks a commit out below `.cache/`, installs what it needs and builds it; once is enough. Throws when it cannot. */
export function buildCommit(root: string, name: string, say: (line: string) => void): OlderSonde {
  const commit = output(root, 'git', ['rev-parse', '--verify', '--short=12', `${name}^{commit}`]);
  const folder = join(root, '.cache', 'against', commit);
  if (existsSync(join(folder, 'dist', 'main.js'))) return { root: folder, commit };
  if (!existsSync(folder)) {
    say(`building ${commit}, to run it beside this one`);
    mkdirSync(dirname(folder), { recursive: true });
    output(root, 'git', ['clone', '--quiet', '--no-checkout', root, folder]);
    output(folder, 'git', ['checkout', '--quiet', '--detach', commit]);
  }
  const { status } = spawnSync(process.execPath, [join('scripts', 'build.mjs')], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${commit} could not be built in ${folder}`);
  return { root: folder, commit };
}

function output(cwd: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  throw new Error(`${command} ${args[0]}: ${(error?.message ?? stderr).trim()}`);
}
