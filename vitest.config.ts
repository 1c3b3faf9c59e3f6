import { defineConfig } from 'vitest/config';

/** What crosses rooms runs the built program, mostly one file after the other: two cores, and ports of its own. */
const crossing = (name: string, timeoutS: number, fileParallelism = false) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: ['test/tooling/require-dist.ts'],
    testTimeout: timeoutS * 1000,
    hookTimeout: 60_000,
    fileParallelism,
    retry: 0,
  },
});

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'web/**/*.test.{ts,tsx}', 'bench/**/*.test.ts'],
          testTimeout: 20_000,
          retry: 0,
        },
      },
      { test: { name: 'boundaries', include: ['test/architecture/**/*.test.ts'], retry: 0 } },
      { test: { name: 'workshop', include: ['test/tooling/**/*.test.ts'], testTimeout: 60_000, retry: 0 } },
      // In one process, with a clock of its own: nothing built is needed.
      { test: { name: 'model', include: ['test/model/**/*.test.ts'], retry: 0 } },
      crossing('interop', 30),
      crossing('conformance', 30, true),
      crossing('crash', 60),
      crossing('fuzz', 120),
      crossing('browser', 60),
      crossing('runtimes', 60),
    ],
  },
});
