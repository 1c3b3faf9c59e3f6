// Read before anything else: old syntax only, so that an old Node gets as far as the message.
import { readFileSync } from 'node:fs';

/**
 * Why Sonde cannot run on this Node or this machine, as one line, or null.
 * @param {string} version `process.versions.node`
 * @param {string} arch `process.arch`
 * @param {string} wanted the `engines.node` of package.json, `>=MAJOR.MINOR`
 */
export function refusal(version, arch, wanted) {
  if (arch === 'arm') {
    return 'Sonde needs a 64-bit system: this is 32-bit ARM, which its history database (DuckDB) is not built for. Use a 64-bit operating system (a Raspberry Pi 3 or later can run one).';
  }
  if (arch === 'ia32' || arch === 'mips' || arch === 'mipsel') {
    return `Sonde needs a 64-bit system: this Node is built for ${arch}. Install a 64-bit Node.`;
  }
  const [leastMajor = 0, leastMinor = 0] = wanted.replace('>=', '').split('.').map(Number);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const tooOld = major < leastMajor || (major === leastMajor && minor < leastMinor);
  if (tooOld) {
    return `Sonde needs Node ${leastMajor}.${leastMinor} or later: this is ${version}. Get one at https://nodejs.org.`;
  }
  return null;
}

/** Ends the process with one line and exit code 1 when this Node or machine is refused. */
export function requireRuntime() {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const reason = refusal(process.versions.node, process.arch, JSON.parse(text).engines.node);
  if (reason === null) return;
  console.error(reason);
  process.exit(1);
}
