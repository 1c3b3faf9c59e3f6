import { beforeEach } from 'vitest';
import { findTool, isStrict, systemTools } from '../../scripts/workshop/system-tools.mjs';
import { type Running, runToEnd, start } from './processes.ts';

const found = new Map<string, string | null>();

/** Where a tool is, or null; looked up once. */
function locate(name: string): string | null {
  const known = found.get(name);
  if (known !== undefined) return known;
  const path = findTool(name);
  found.set(name, path);
  return path;
}

/** For what is set up before all tests; each test still says with `requireTool` what it needs. */
export function hasTool(name: string): boolean {
  return locate(name) !== null;
}

/** The path of a tool that `requireTool` has let through. */
export function toolPath(name: string): string {
  const path = locate(name);
  if (path === null) throw new Error(absence(name));
  return path;
}

function absence(name: string): string {
  const entry = systemTools.find((tool) => tool.name === name);
  return `${name} is not installed: apt-get install ${entry?.debian ?? name}, or ${entry?.elsewhere ?? 'see CONTRIBUTING.md'}`;
}

/**
 * The tests of this file or `describe` need these tools. Where one is absent they are skipped with a reason that says
 * how to get it; in CI (`CI=true`) that is a failure.
 */
export function requireTool(...names: readonly string[]): void {
  beforeEach((context) => {
    const absent = names.find((name) => locate(name) === null);
    if (absent === undefined) return;
    if (isStrict) throw new Error(absence(absent));
    context.skip(absence(absent));
  });
}

/** Runs a tool to its end. */
export function runTool(name: string, args: readonly string[], input?: string) {
  return runToEnd(toolPath(name), args, input === undefined ? {} : { input });
}

/** Starts a tool that goes on running. */
export function startTool(name: string, args: readonly string[]): Running {
  return start(toolPath(name), args);
}

/** Starts a Python program given as text, with the Python that has `module` (a name of `systemTools`). */
export function startPython(module: string, program: string, args: readonly string[] = []): Running {
  return start(toolPath(module), ['-u', '-c', program, ...args], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1' },
  });
}

/** Runs a Python program given as text to its end. */
export function runPython(module: string, program: string, args: readonly string[] = []) {
  return runToEnd(toolPath(module), ['-u', '-c', program, ...args], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1' },
    withinMs: 60_000,
  });
}
