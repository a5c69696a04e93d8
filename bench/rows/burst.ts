import path from 'node:path';
import { Agent } from '../harness/agent.ts';
import type { Bench } from '../harness/bench.ts';
import { settledEvents } from '../harness/export-file.ts';
import { measuredFile, runWorkload } from '../harness/workload.ts';
import type { Measurement, Row } from '../row.ts';
import { matchingPolicy } from './events.ts';

const total = 66_003;

/** More events at once than the agent can write meanwhile: they have to wait in the ring. */
export const burstRows: readonly Row[] = [1, 2].map((processes) => ({
  id: `burst.${processes}`,
  family: 'burst',
  title: `${total.toLocaleString('en-US')} matching opens by ${processes} ${processes === 1 ? 'process' : 'processes'}`,
  unit: 'events lost',
  machine: 'ordinary',
  target: 0,
  tetragon: { value: total * 0.16, text: '16 %' },
  measure: (bench) => burst(bench, processes),
}));

async function burst(bench: Bench, processes: number): Promise<Measurement> {
  await bench.endSharedAgent();
  const exportFile = path.join(bench.newFolder(), 'events.jsonl');
  const policies = bench.policyFolder(matchingPolicy);
  const agent = await Agent.start(['-o', 'none', '--export', exportFile, '--policy', policies]);
  try {
    const start = performance.now();
    await Promise.all(shares(total, processes).map((share) => runWorkload('opens', measuredFile, String(share), '0')));
    const burstSeconds = (performance.now() - start) / 1000;
    const lost = () => Object.values(agent.losses()).reduce((sum, count) => sum + count, 0);
    const written = await settledEvents(exportFile, () => total - lost());
    const reported = lost();
    if (written + reported !== total)
      throw new Error(`${written} written and ${reported} reported as lost are not ${total}:\n${agent.stderr()}`);
    return { value: total - written, details: { written, reported, burstSeconds } };
  } finally {
    await agent.stop();
  }
}

function shares(count: number, parts: number): number[] {
  const share = Math.floor(count / parts);
  return Array.from({ length: parts }, (_, index) => (index === 0 ? count - share * (parts - 1) : share));
}
