import { type AttackCount, Attacker } from './attacker.ts';
import type { AttackName } from './attacks.ts';
import { Probe, type ProbeReport } from './probe.ts';

/** What the coordinator asks of a process of this module. */
export type OverloadRequest =
  | { readonly step: 'probe' | 'attacker'; readonly port: number }
  | { readonly step: 'attack'; readonly name: AttackName }
  | { readonly step: 'reset' | 'end' }
  | { readonly step: 'report'; readonly patienceMs: number };

export type OverloadReply = ProbeReport | AttackCount | null;

let probe: Probe | null = null;
let attacker: Attacker | null = null;

process.on('message', (request: OverloadRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => {});

async function answer(request: OverloadRequest): Promise<OverloadReply> {
  switch (request.step) {
    case 'probe':
      probe = new Probe(request.port);
      await probe.ready;
      return null;
    case 'attacker':
      attacker = new Attacker(request.port);
      return null;
    case 'attack':
      attacker?.begin(request.name);
      return null;
    case 'reset':
      probe?.reset();
      return null;
    case 'report':
      return (await probe?.report(request.patienceMs)) ?? null;
    case 'end':
      probe?.close();
      return attacker?.end() ?? null;
  }
}
