export { type Issuer, makeCa, type Pair } from './certificates.ts';
export { launchChromium } from './chromium.ts';
export { freePort } from './ports.ts';
export { type Exit, type Running, runToEnd, start } from './processes.ts';
export { hex, openRaw, type RawClient } from './raw-client.ts';
export { type RunningSonde, type SondeOptions, sondeCommand, startSonde } from './sonde.ts';
export { hasTool, requireTool, runPython, runTool, startPython, startTool, toolPath } from './tools.ts';
export { waitFor } from './wait.ts';
