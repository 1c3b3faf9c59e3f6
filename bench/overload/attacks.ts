/** One way in which clients overload a broker. */
export type AttackName =
  | 'flood-slow'
  | 'never-reads'
  | 'connect-burst'
  | 'silent'
  | 'byte-a-second'
  | 'take-overs'
  | 'retained-flood';

export type Attack = {
  readonly name: AttackName;
  readonly title: string;
  /** Connections that play it. */
  readonly clients: number;
};

/** Every overload, in the order of the table. */
export const ATTACKS: readonly Attack[] = [
  { name: 'flood-slow', title: '50 QoS 0 flooders, one slow subscriber', clients: 50 },
  { name: 'never-reads', title: '10 QoS 0 flooders, a subscriber that never reads', clients: 10 },
  { name: 'connect-burst', title: '10,000 CONNECTs in a burst', clients: 10_000 },
  { name: 'silent', title: '5,000 connections that send nothing', clients: 5000 },
  { name: 'byte-a-second', title: '2,000 connections of a byte a second', clients: 2000 },
  { name: 'take-overs', title: 'take-over storm, 50 devices of one client id', clients: 50 },
  { name: 'retained-flood', title: 'retained flood, 10 publishers of ever new topics', clients: 10 },
];

/** The attacks of these names, all for none. Throws with the known names when one is unknown. */
export function pickAttacks(names: readonly string[]): readonly Attack[] {
  const unknown = names.filter((name) => !ATTACKS.some((attack) => attack.name === name));
  if (unknown.length > 0) {
    throw new Error(`no such overload: ${unknown.join(', ')}; there are ${ATTACKS.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? ATTACKS : ATTACKS.filter((attack) => names.includes(attack.name));
}
