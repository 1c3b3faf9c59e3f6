/** One SCRAM mechanism: the SASL name that MQTT's Authentication Method carries, and its hash. */
export type ScramMechanism = {
  readonly name: string;
  /** As `node:crypto` calls it. */
  readonly digest: string;
  /** Length of its hash. */
  readonly bytes: number;
};

export const SCRAM_SHA_256: ScramMechanism = { name: 'SCRAM-SHA-256', digest: 'sha256', bytes: 32 };
export const SCRAM_SHA_512: ScramMechanism = { name: 'SCRAM-SHA-512', digest: 'sha512', bytes: 64 };

/** What this server offers. Without SHA-1, and without channel binding (`-PLUS`). */
export const SCRAM_MECHANISMS: readonly ScramMechanism[] = [SCRAM_SHA_256, SCRAM_SHA_512];

/** The mechanism of a name, or null. Names are compared as they are. */
export function scramMechanism(name: string): ScramMechanism | null {
  return SCRAM_MECHANISMS.find((mechanism) => mechanism.name === name) ?? null;
}
